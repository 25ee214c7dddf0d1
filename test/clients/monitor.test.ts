/** MONITOR over TCP: a monitor that does not read is closed, and nobody else notices. */
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RawClient } from '../compat/raw-client.ts'
import { startRespite } from '../compat/respite.ts'
import type { ServerProcess } from '../compat/server-process.ts'

let server: ServerProcess
beforeAll(async () => {
  server = await startRespite(['--client-output-buffer-limit', 'normal 1mb 0 0'])
})
afterAll(() => server.stop())

test('a monitor that never reads is closed at the limit of normal clients', async () => {
  const monitor = connect(server.port, '127.0.0.1')
  monitor.pause()
  monitor.on('error', () => {})
  await new Promise((resolve) => monitor.once('connect', resolve))
  monitor.write('MONITOR\r\n')
  const client = await RawClient.open(server.port)
  const text = 'x'.repeat(100_000)
  const monitors = async (): Promise<boolean> => (await client.call('CLIENT', 'LIST')).includes('flags=O')
  for (let i = 0; i < 200 && !(await monitors()); i++) await client.call('PING')
  // The system takes some megabytes before anything stays with the server.
  let echoes = 0
  while ((await monitors()) && echoes < 1000) {
    expect((await client.call('ECHO', text)).length).toBe(100_011)
    echoes++
  }
  expect(echoes).toBeGreaterThan(10)
  expect(echoes).toBeLessThan(1000)
  expect((await client.call('INFO', 'stats')).toString()).toContain(
    'client_output_buffer_limit_disconnections:1',
  )
  monitor.destroy()
  client.close()
})
