// Warmth's tracker for sites that have none. docs/sources/snippet.md says how to use it.
(function (win, doc) {
  var script = doc.currentScript
  var key = script.getAttribute('data-key')
  var address = new URL('/v1/events', script.src) + '?key=' + encodeURIComponent(key)
  var mustAsk = script.getAttribute('data-consent') === 'required'
  var nav = win.navigator
  var store
  try { store = win.localStorage; store.getItem('warmth') } catch (refused) { store = null }
  var memory = read('warmth') || {}
  var queue = []
  var seconds = 0
  var lastSeen = Date.now()
  var page
  var sending = false
  var pause = 1000
  var timer

  function read(name) { try { return JSON.parse(store.getItem(name)) } catch (none) { return null } }
  function write(name, value) {
    try { value ? store.setItem(name, JSON.stringify(value)) : store.removeItem(name) } catch (full) { /* goes on without */ }
  }
  function unique() {
    return win.crypto && win.crypto.randomUUID ? win.crypto.randomUUID()
      : Date.now().toString(36) + '-' + Math.random().toString(36).slice(2) + Math.random().toString(36).slice(2)
  }
  function allowed() { return memory.consent === undefined ? !mustAsk : memory.consent }
  function now() { return new Date().toISOString() }

  function track(type, fields) {
    if (!allowed()) return
    if (!memory.visitor) { memory.visitor = unique(); write('warmth', memory) }
    var event = { event_id: unique(), type: type, occurred_at: now(), anonymous_id: memory.visitor, context: { locale: nav.language } }
    if (memory.customer) event.customer_id = memory.customer
    if (memory.consent !== undefined) event.context.consent = { marketing: memory.consent }
    for (var name in fields) event[name] = fields[name]
    queue.push(event)
    if (queue.length > 500) queue.shift()
    later(queue.length < 20 ? 2000 : 0)
  }
  function here() {
    return { url: win.location.href, path: win.location.pathname, title: doc.title, referrer: doc.referrer || undefined }
  }
  function view() { ping(); page = here(); track('page_viewed', { page: page }) }
  function ping() {
    if (page && seconds) track('page_pinged', { page: page, active_secs: seconds })
    seconds = 0
  }

  function later(millis) { if (!timer && !sending) timer = setTimeout(flush, millis) }
  function stamped(events) {
    var at = now()
    return JSON.stringify(events.map(function (event) { return Object.assign({}, event, { sent_at: at }) }))
  }
  function flush() {
    timer = 0
    if (sending || !queue.length) return
    var batch = queue.slice(0, 50)
    sending = true
    fetch(address, { method: 'POST', body: stamped(batch), keepalive: true }).then(function (answer) {
      if (answer.status === 429 || answer.status > 499) throw answer
      queue = queue.filter(function (event) { return batch.indexOf(event) < 0 })
      pause = 1000
      ended(0)
    }).catch(function () {
      write('warmth.queue', { events: queue })
      ended(pause = Math.min(2 * pause, 60000))
    })
  }
  function ended(millis) {
    sending = false
    if (!queue.length) write('warmth.queue')
    else later(millis)
  }
  function leave() {
    ping()
    if (!queue.length) return
    // A beacon says nothing of its fate: the next page sends the same again, for as long as ids are surely remembered.
    var isOut = nav.onLine && nav.sendBeacon && nav.sendBeacon(address, stamped(queue.slice(-50)))
    write('warmth.queue', { events: queue, until: isOut ? Date.now() + 12 * 3600000 : 0 })
  }

  var calls = {
    page: view,
    product: function (product) { track('product_viewed', { product: product }) },
    track: track,
    identify: function (customer, traits) {
      memory.customer = String(customer)
      if (allowed()) write('warmth', memory)
      track('customer_identified', traits ? { traits: traits } : {})
    },
    consent: function (given) {
      var before = allowed()
      memory = given ? Object.assign(memory, { consent: true }) : { consent: false }
      write('warmth', memory)
      if (!given) { queue = []; write('warmth.queue') } else if (!before) view()
    },
    reset: function () { memory = { consent: memory.consent }; write('warmth', memory) }
  }
  function call(name) { if (calls[name]) calls[name].apply(null, [].slice.call(arguments, 1)) }

  var asked = (win.warmth && win.warmth.q) || []
  win.warmth = call
  var kept = allowed() && read('warmth.queue')
  if (kept && (!kept.until || kept.until > Date.now())) queue = kept.events
  ;['mousemove', 'keydown', 'scroll', 'touchstart', 'click'].forEach(function (name) {
    win.addEventListener(name, function () { lastSeen = Date.now() }, { passive: true })
  })
  setInterval(function () {
    if (doc.visibilityState === 'visible' && Date.now() - lastSeen < 30000 && ++seconds >= 15) ping()
  }, 1000)
  doc.addEventListener('visibilitychange', function () { if (doc.visibilityState === 'hidden') leave() })
  win.addEventListener('pagehide', leave)
  win.addEventListener('online', function () { later(0) })
  var push = win.history.pushState
  win.history.pushState = function () { push.apply(this, arguments); view() }
  win.addEventListener('popstate', view)
  if (script.getAttribute('data-auto') !== 'off') view()
  asked.forEach(function (said) { call.apply(null, said) })
  if (queue.length) later(0)
})(window, document)
