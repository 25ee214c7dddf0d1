/** `respite healthcheck` against servers that are ready, and against every way in which one is not. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createNetServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createServer } from '../../src/index.ts'
import { checkHealth } from '../../src/server/health-check.ts'

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0)) await end()
})

async function respite(options: Record<string, string> = {}): Promise<string> {
  const server = await createServer(options)
  endings.push(() => server.close())
  return server.url
}

/** A server that answers everything with `answer`; '' for not at all. Returns its URL. */
async function answering(answer: string): Promise<string> {
  const server: Server = createNetServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => socket.write(answer))
    endings.push(() => socket.destroy())
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  endings.unshift(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('not listening')
  return `redis://127.0.0.1:${address.port}`
}

test('a server that serves, with and without a password', async () => {
  expect(await checkHealth(await respite())).toBeNull()
  const url = await respite({ requirepass: 'p@ss' })
  expect(await checkHealth(url, 'p@ss')).toBeNull()
  expect(await checkHealth(url.replace('//', '//:p%40ss@'))).toBeNull()
  expect(await checkHealth(url.replace('//', '//default:p%40ss@'), 'other')).toBeNull()
  expect(await checkHealth(url)).toContain('it wants a password')
  const wrong = await checkHealth(url, 'wrong')
  expect(wrong).toContain('WRONGPASS')
  expect(wrong).not.toContain(' wrong ')
  expect(await checkHealth(await respite(), 'needless')).toBeNull()
})

test('over a unix socket', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'respite-health-'))
  endings.push(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'a b.sock')
  expect(await checkHealth(`unix://${path.replace(' ', '%20')}`)).toBe(
    'no connection: No such file or directory',
  )
  await respite({ unixsocket: path })
  expect(await checkHealth(`unix://${path.replace(' ', '%20')}`)).toBeNull()
})

test('one that is loading, strange, silent or gone', async () => {
  const loading = await answering('-LOADING Redis is loading the dataset in memory\r\n')
  expect(await checkHealth(loading)).toBe('it is loading its dataset')
  expect(await checkHealth(await answering('HTTP/1.1 400 Bad Request\r\n'))).toContain('not one of Redis')
  expect(await checkHealth(await answering('-MASTERDOWN Link is down\r\n'))).toBe('MASTERDOWN Link is down')
  expect(await checkHealth(await answering(''), '', 100)).toBe('no answer within 0.1 s')
  const gone = await createServer()
  await gone.close()
  expect(await checkHealth(gone.url)).toBe('no connection: Connection refused')
})

test.each(['', 'localhost', 'http://localhost', 'redis://', 'unix://'])('no URL: %s', async (url) => {
  expect(await checkHealth(url)).toContain('the URL is none of')
})
