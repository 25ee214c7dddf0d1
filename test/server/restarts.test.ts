/**
 * Restarts under load on a socket that a parent holds: nobody is refused, and nothing that was acknowledged is lost.
 * RESTARTS=n restarts n times instead of a few.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { activatingParent, listening } from './activating-parent.ts'

const RESTARTS = Number(process.env.RESTARTS ?? 8)
const VISITORS = 8

/** What came of the visits of all visitors. */
class Tally {
  answered = 0
  /** Closed before everything was answered. */
  closed = 0
  readonly failed: Record<string, number> = {}
  readonly wrong: string[] = []
}

/** Connects again and again, writes its key and reads it. */
async function visitor(id: number, port: number, tally: Tally, over: () => boolean): Promise<void> {
  let acknowledged = 0
  for (let n = 1; !over(); n++) {
    const { text, error } = await exchange(port, `GET k${id}\r\nSET k${id} ${n}\r\nGET k${id}\r\n`)
    const replies = /^(?:\$-1\r\n|\$\d+\r\n(\d+)\r\n)(\+OK\r\n)?(?:\$\d+\r\n(\d+)\r\n)?$/.exec(text)
    if (error !== '') tally.failed[error] = (tally.failed[error] ?? 0) + 1
    if (replies === null) {
      if (text !== '') tally.wrong.push(text)
      else tally.closed++
      continue
    }
    const before = Number(replies[1] ?? 0)
    if (before < acknowledged || before >= n) tally.wrong.push(`${before} after ${acknowledged}`)
    if (replies[2] !== undefined) acknowledged = n
    if (replies[3] === undefined) tally.closed++
    else if (Number(replies[3]) === n) tally.answered++
    else tally.wrong.push(text)
  }
}

/** Sends requests and resolves with what has come when three replies are there or the connection is closed. */
function exchange(port: number, requests: string): Promise<{ text: string; error: string }> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    let text = ''
    let error = ''
    socket.on('data', (chunk) => {
      text += String(chunk)
      if (/\r\n\+OK\r\n\$\d+\r\n\d+\r\n$/.test(text)) socket.end()
    })
    socket.on('error', ({ message }) => (error = message))
    socket.on('close', () => resolve({ text, error }))
    socket.write(requests)
  })
}

test.skipIf(process.platform === 'win32')(
  `${RESTARTS} restarts`,
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'respite-restarts-'))
    const socket = await listening({ port: 0 })
    const { port } = socket.address() as { port: number }
    const parent = activatingParent([socket], 'redis', ['--dir', directory, '--save', '3600 1'])
    const tally = new Tally()
    let over = false
    try {
      // Before any server is there.
      const visitors = Array.from({ length: VISITORS }, (_, id) => visitor(id, port, tally, () => over))
      for (let i = 0; i < RESTARTS; i++) {
        const pid = await parent.start()
        const { answered } = tally
        await expect.poll(() => tally.answered, { timeout: 20_000 }).toBeGreaterThan(answered + 5 * VISITORS)
        process.kill(pid, 'SIGTERM')
        expect(await parent.ended()).toBe(0)
      }
      await parent.start()
      over = true
      await Promise.all(visitors)
      expect(tally.failed).toEqual({})
      expect(tally.wrong).toEqual([])
    } catch (error) {
      throw new Error(parent.log(), { cause: error })
    } finally {
      over = true
      await parent.stop()
      rmSync(directory, { recursive: true, force: true })
    }
  },
  60_000 + RESTARTS * 5000,
)
