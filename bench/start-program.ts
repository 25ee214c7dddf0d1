/**
 * What a test suite pays for its server: a program of its own that imports a package, starts servers, asks each one
 * thing through ioredis, and says how long that took. It is JavaScript in a folder where the packages are installed,
 * so that no compiler of ours is in its time. Who runs it and what is made of it is start-times.ts.
 */

/** What can be started; `respite without a socket` answers to its own call() instead of ioredis. */
export const EMBEDDABLE = [
  'respite',
  'respite without a socket',
  'redis-memory-server',
  'ioredis-mock',
] as const
export type Embeddable = (typeof EMBEDDABLE)[number]

/** Milliseconds. */
export interface EmbeddedStarts {
  /** From the program's first line to the first reply of its first server. */
  first: number
  /** From starting a server to its first reply, of the ones after it. */
  starts: number[]
  closes: number[]
}

/** Every part resolves to [a first reply came, close]. */
const PARTS: Record<Embeddable, string> = {
  respite: `
const { createServer } = await import('respite')
const { Redis } = await import('ioredis')
const start = async () => {
  const server = await createServer()
  const client = new Redis(server.connectionOptions())
  await client.ping()
  return async () => { client.disconnect(); await server.close() }
}`,
  'respite without a socket': `
const { createServer } = await import('respite')
const start = async () => {
  const server = await createServer({ listen: false })
  await server.call('PING')
  return () => server.close()
}`,
  'redis-memory-server': `
const { RedisMemoryServer } = await import('redis-memory-server')
const { Redis } = await import('ioredis')
const start = async () => {
  const server = new RedisMemoryServer({ binary: { systemBinary: process.argv[3] } })
  const client = new Redis(await server.getPort(), await server.getHost())
  await client.ping()
  return async () => { client.disconnect(); await server.stop() }
}`,
  'ioredis-mock': `
const { default: Redis } = await import('ioredis-mock')
const start = async () => {
  const client = new Redis()
  await client.ping()
  return async () => client.disconnect()
}`,
}

/** The program that starts `what` as often as its first argument says, and prints EmbeddedStarts. */
export function startProgram(what: Embeddable): string {
  return `
const from = performance.now()
${PARTS[what]}
const close = await start()
const first = performance.now() - from
await close()
const [starts, closes] = [[], []]
for (let i = 0; i < Number(process.argv[2]); i++) {
  const before = performance.now()
  const close = await start()
  starts.push(performance.now() - before)
  const after = performance.now()
  await close()
  closes.push(performance.now() - after)
}
console.log(JSON.stringify({ first, starts, closes }))
process.exit()
`
}
