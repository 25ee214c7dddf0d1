/** A server in a folder of its own, with redis.conf and what other files a test gives it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { ConfigLoader } from '../../src/config/config-file.ts'
import { Configuration } from '../../src/config/configuration.ts'
import { LineLog } from '../../src/platform/log.ts'
import { Server } from '../../src/server/server.ts'

export interface Running {
  readonly server: Server
  readonly redis: Redis
  readonly directory: string
  readonly log: string[]
  readonly write: (name: string, text: string | Uint8Array) => void
  /** INFO artifacts without the prefix of its names. */
  readonly fields: () => Promise<Record<string, string>>
}

/** What is to be ended after the test, last first. */
export const ended: (() => unknown)[] = []

/** For afterEach(). */
export async function endAll(): Promise<void> {
  for (const end of ended.splice(0).toReversed()) await end()
}

/** A server on a unix socket in a new directory, which has these files; `own` are lines of its redis.conf. */
export function serve(
  files: Readonly<Record<string, string>>,
  own: readonly string[] = [],
): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), 'respite-served-'))
  ended.push(() => rmSync(directory, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  return serveIn(directory, own)
}

/** The same in a directory that is there. */
export async function serveIn(directory: string, own: readonly string[] = []): Promise<Running> {
  const write = (name: string, text: string | Uint8Array): void => writeFileSync(join(directory, name), text)
  const socket = join(directory, 'socket')
  write(
    'redis.conf',
    [`dir ${directory}`, 'port 0', `unixsocket ${socket}`, ...own, 'include *.inc'].join('\n'),
  )
  const loader = new ConfigLoader(new Configuration())
  loader.source({ file: join(directory, 'redis.conf'), standardInput: null, directives: [] })
  const lines: string[] = []
  const log = new LineLog('debug', (line) => void lines.push(line))
  const server = new Server({ configuration: loader.configuration, log })
  await server.start()
  const redis = new Redis({ path: socket })
  // It goes on trying to connect when a test ends its server.
  redis.on('error', () => {})
  ended.push(
    () => server.stop(),
    () => redis.disconnect(),
  )
  const fields = async (): Promise<Record<string, string>> => {
    const text = await redis.info('artifacts')
    const pairs = [...text.matchAll(/^artifact_(\w+):(.*)\r$/gm)].map((match) => [match[1], match[2]])
    return Object.fromEntries(pairs) as Record<string, string>
  }
  return { server, redis, directory, log: lines, write, fields }
}
