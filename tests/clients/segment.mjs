// Sends what a shop's server would, with Segment's own client, and ends once it is flushed.
import { Analytics } from '@segment/analytics-node'

const analytics = new Analytics({ writeKey: process.env.WRITE_KEY, host: process.env.COLLECTOR, flushAt: 3, maxRetries: 8 })
analytics.on('error', (error) => console.error(error))
analytics.identify({ userId: 'segment-node', traits: { city: 'Kazan' }, messageId: 'segment-node-1' })
analytics.track({ userId: 'segment-node', event: 'Product Viewed', properties: { product_id: 'p-1' }, messageId: 'segment-node-2' })
analytics.page({ userId: 'segment-node', name: 'Tea', properties: { url: 'https://shop.example/tea' }, messageId: 'segment-node-3' })
await analytics.closeAndFlush({ timeout: 60000 })
