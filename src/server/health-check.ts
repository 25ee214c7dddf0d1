/**
 * Asks a server, as a client of its own, whether it serves clients now: for supervisors and container health checks.
 * It connects, authenticates if it has a password, pings, and gives up after three seconds in all.
 */
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { reasonOf } from '../config/system-errors.ts'
import { SystemTimers } from '../platform/timers.ts'

/** For the whole of it, milliseconds. */
const PATIENCE = 3000
const DEFAULT_PORT = 6379
/** No answer to AUTH or PING is longer. */
const ANSWER_MAX = 4096

interface Target {
  readonly host: string
  readonly port: number
  /** Of a unix socket; '' for TCP. */
  readonly path: string
  readonly tls: boolean
  readonly user: string
  readonly password: string
}

/**
 * Resolves to null when the server at `url` is ready, else to what is the matter in a few words, which never hold
 * the password. `password` counts where the URL has none. `patience` in milliseconds.
 */
export async function checkHealth(
  url: string,
  password: string = '',
  patience: number = PATIENCE,
): Promise<string | null> {
  const target = parseTarget(url, password)
  if (target === null) return 'the URL is none of redis://, rediss:// and unix://'
  return new Promise((resolve) => {
    const socket = open(target)
    const end = (trouble: string | null): void => {
      timer.cancel()
      socket.destroy()
      resolve(trouble)
    }
    const timer = new SystemTimers().timeout(
      () => end(`no answer within ${patience / 1000} s`),
      patience,
      true,
    )
    const expected = target.password === '' ? 1 : 2
    let received = ''
    socket.on(target.tls ? 'secureConnect' : 'connect', () => socket.write(questions(target)))
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      const lines = received.split('\r\n')
      const answers = lines.slice(0, -1)
      const trouble = answers.map(troubleIn).find((text) => text !== null)
      if (trouble !== undefined) end(trouble)
      else if (answers.length >= expected) end(null)
      else if (received.length > ANSWER_MAX) end('the answer is not one of Redis')
    })
    socket.on('error', (error) => end(`no connection: ${reasonOf(error)}`))
    socket.on('close', () => end('the connection was closed'))
  })
}

function parseTarget(text: string, otherPassword: string): Target | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['redis:', 'rediss:', 'unix:'].includes(url.protocol)) return null
  const unix = url.protocol === 'unix:'
  if (unix ? url.pathname === '' : url.hostname === '') return null
  return {
    // In a URL an IPv6 address stands in brackets.
    host: url.hostname.replaceAll(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORT : Number(url.port),
    path: unix ? decodeURIComponent(url.pathname) : '',
    tls: url.protocol === 'rediss:',
    user: decodeURIComponent(url.username),
    password: url.password === '' ? otherPassword : decodeURIComponent(url.password),
  }
}

function open({ host, port, path, tls }: Target): Socket {
  if (path !== '') return connectPlain({ path })
  return tls ? connectTls({ host, port }) : connectPlain({ host, port })
}

function questions({ user, password }: Target): string {
  const login = password === '' ? '' : encode(user === '' ? ['AUTH', password] : ['AUTH', user, password])
  return login + encode(['PING'])
}

function encode(words: readonly string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
  return `*${words.length}\r\n${parts.join('')}`
}

/** What an answer to AUTH or PING says against the server; null for a good one. */
function troubleIn(answer: string): string | null {
  if (answer === '+OK' || answer === '+PONG') return null
  if (answer.startsWith('-LOADING')) return 'it is loading its dataset'
  if (answer.startsWith('-NOAUTH')) return 'it wants a password: give one in the URL or in $REDISCLI_AUTH'
  // A password for a server that has none is no reason to call it ill.
  if (answer.startsWith('-ERR AUTH <password> called without any password')) return null
  return answer.startsWith('-') ? answer.slice(1) : 'the answer is not one of Redis'
}
