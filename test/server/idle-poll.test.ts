/** Which servers look for the next request before the event loop sleeps (engine/idle-poll.test.ts has how). */
import { afterEach, expect, test } from 'vitest'
import { Configuration } from '../../src/config/configuration.ts'
import { silentLog } from '../../src/platform/log.ts'
import { CORES } from '../../src/platform/process.ts'
import { Server } from '../../src/server/server.ts'

const ended: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end()
})

async function serve(ownProcess: boolean): Promise<Server> {
  const configuration = new Configuration({ port: '0', bind: '127.0.0.1' })
  const server = new Server({ configuration, log: silentLog() })
  ended.push(() => server.stop())
  await server.start({ load: false, ephemeral: true, ownProcess })
  return server
}

test('one that has the process to itself, where there is a second core', async () => {
  expect((await serve(true)).engine.idlePoll.enabled).toBe(CORES > 1)
})

test("none in somebody else's process", async () => {
  expect((await serve(false)).engine.idlePoll.enabled).toBe(false)
})
