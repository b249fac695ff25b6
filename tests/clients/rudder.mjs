// Sends what a shop's server would, with RudderStack's own client, and ends once it is flushed.
import RudderAnalytics from '@rudderstack/rudder-sdk-node'

const analytics = new RudderAnalytics(process.env.WRITE_KEY, { dataPlaneUrl: process.env.COLLECTOR, flushAt: 3, gzip: true })
analytics.identify({ userId: 'rudder-node', traits: { city: 'Kazan' }, messageId: 'rudder-node-1' })
analytics.track({ userId: 'rudder-node', event: 'Product Viewed', properties: { product_id: 'p-1' }, messageId: 'rudder-node-2' })
analytics.page({ userId: 'rudder-node', name: 'Tea', properties: { url: 'https://shop.example/tea' }, messageId: 'rudder-node-3' })
analytics.flush((error) => { if (error) console.error(error) })
setTimeout(() => process.exit(0), Number(process.env.SECONDS) * 1000)
