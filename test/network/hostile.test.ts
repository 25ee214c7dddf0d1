/** A bounded dose of test/fuzz on a listener of this process: nothing throws, others are served, all is freed. */
import { expect, test } from 'vitest'
import { SeededRandom } from '../../src/platform/random.ts'
import { Traffic } from '../fuzz/traffic.ts'
import { listen, until } from './harness.ts'

test.each([
  ['reading into the shared block', false],
  ["reading by 'data' events", true],
])('random bytes and mutated requests, %s', async (_, plain) => {
  const server = await listen({ 'client-query-buffer-limit': '1mb' }, plain)
  const healthy = await server.client()
  const traffic = new Traffic(new SeededRandom(7))
  for (let round = 0; round < 300; round++) {
    const hostile = await server.client()
    for (let writes = 1 + traffic.below(8); writes > 0 && !hostile.closed; writes--) {
      const bytes = traffic.next()
      const cut = traffic.cut(bytes)
      hostile.write(bytes.subarray(0, cut))
      await new Promise((resolve) => setImmediate(resolve))
      hostile.write(bytes.subarray(cut))
    }
    healthy.write('PING\r\n')
    expect(await healthy.readText(7)).toBe('+PONG\r\n')
    if (round % 2 === 0) hostile.socket.resetAndDestroy()
    else hostile.socket.destroy()
  }
  await until(() => server.engine.clients.size === 1)
  await server.close()
  expect(server.engine.clients.size).toBe(0)
})
