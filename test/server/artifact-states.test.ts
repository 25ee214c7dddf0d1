/**
 * What is loaded against what is on disk, the whole table: each kind of file × what becomes of it on disk × each way of
 * looking at it or loading it again. The state that is told is right, what was in effect stays where the file is bad,
 * and nobody who is connected notices. What files have to do with one another is artifacts.test.ts's.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { checkItself } from '../../src/engine/artifacts/reload.ts'
import { freePort } from '../compat/server-process.ts'
import { Certificates, hasOpenssl } from '../network/certificates.ts'
import { endAll, ended, type Running, serve } from './served-folder.ts'

afterEach(endAll)

type Effect = 'before' | 'after'

/** What a file holds; `half` is `after`, as far as it has been written. */
interface Contents {
  readonly before: string
  readonly after: string
  readonly bad: string
  readonly half: string
}

interface Scene extends Running {
  /** 0 without TLS. */
  readonly port: number
}

interface Kind {
  /** In the test's name. */
  readonly title: string
  /** In INFO. */
  readonly name: string
  readonly file: string
  readonly begin: () => Promise<Scene>
  readonly contents: (scene: Scene) => Contents
  readonly inEffect: (scene: Scene) => Promise<Effect>
  /** What the last error begins with or has in it when the file is bad. */
  readonly fault: RegExp
  /** The state when the file is gone, unless it is "missing". */
  readonly withoutIt?: string
  /** It is never loaded again while the server runs. */
  readonly onlyReported?: boolean
}

const TLS_FILES = {
  'tls-cert-file': 'server.crt',
  'tls-key-file': 'server.key',
  'tls-ca-cert-file': 'ca.crt',
}
const INCLUDED = 'hz 20\ntimeout 0\n'
const INCLUDED_AFTER = 'hz 30\ntimeout 0\nmaxmemory-policy "allkeys-lru"\n'
const USERS = 'user alice on nopass ~* +@all\nuser default on nopass ~* &* +@all\n'
const USERS_AFTER = 'user default on nopass ~* &* +@all\nuser bob on nopass ~* +@all\n'

let files: Certificates
let others: Certificates
/** An RDB file of another server. */
let otherDump = ''
beforeAll(async () => {
  const { redis, directory } = await serve({})
  await redis.set('from', 'elsewhere')
  await redis.save()
  otherDump = readFileSync(join(directory, 'dump.rdb'), 'latin1')
  await endAll()
  if (!hasOpenssl) return
  files = new Certificates()
  others = new Certificates()
  for (const name of ['server', 'other']) files.make(name)
  files.renew('renewed', 'server')
  others.make('client')
})
afterAll(() => {
  files?.remove()
  others?.remove()
})

const pem = (name: string, of: Certificates = files): string => readFileSync(of.path(name), 'utf8')

async function beginPlain(own: readonly string[] = []): Promise<Scene> {
  const running = await serve({ 'more.conf': INCLUDED, 'users.acl': USERS }, [
    'include more.conf',
    'aclfile users.acl',
    ...own,
  ])
  await running.redis.client('SETNAME', 'here')
  return { ...running, port: 0 }
}

async function beginSaved(own: readonly string[] = []): Promise<Scene> {
  const scene = await beginPlain(own)
  await scene.redis.set('from', 'here')
  if (own.length === 0) await scene.redis.save()
  return scene
}

async function beginTls(): Promise<Scene> {
  const port = await freePort()
  const own = Object.entries(TLS_FILES).map((pair) => pair.join(' '))
  const running = await serve(Object.fromEntries(Object.values(TLS_FILES).map((name) => [name, pem(name)])), [
    `tls-port ${port}`,
    'tls-auth-clients optional',
    ...own,
  ])
  await running.redis.client('SETNAME', 'here')
  const overTls = new Redis({ port, host: '127.0.0.1', tls: { ca: pem('ca.crt') } })
  ended.push(() => overTls.disconnect())
  await overTls.client('SETNAME', 'here-over-tls')
  return { ...running, port }
}

/** What a new connection sees: the certificate's serial number, or '' when it does not come in. */
function serialSeen(port: number, options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', ca: pem('ca.crt'), ...options })
    let serial = ''
    socket.on('data', () => {
      serial = socket.getPeerCertificate().serialNumber
      socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(serial))
    socket.write('PING\r\n')
  })
}

const serialOf = (certificate: string): string => new X509Certificate(certificate).serialNumber

const cut = (text: string): string => text.slice(0, -30)

const PLAIN_KINDS: readonly Kind[] = [
  {
    title: 'the configuration file',
    name: 'config',
    file: 'redis.conf',
    begin: beginPlain,
    contents: ({ directory }) => {
      const before = readFileSync(join(directory, 'redis.conf'), 'utf8')
      const after = `slowlog-max-len 7\n${before}\nmaxmemory-policy "allkeys-lru"`
      return { before, after, bad: `slowlog-max-len many\n${before}`, half: after.slice(0, -3) }
    },
    inEffect: async ({ redis }) =>
      (await redis.config('GET', 'slowlog-max-len'))[1] === '7' ? 'after' : 'before',
    fault: /redis\.conf:1: /,
  },
  {
    title: 'an included file',
    name: 'config',
    file: 'more.conf',
    begin: beginPlain,
    contents: () => ({
      before: INCLUDED,
      after: INCLUDED_AFTER,
      bad: 'hz 30\nhz many\n',
      half: INCLUDED_AFTER.slice(0, -3),
    }),
    inEffect: async ({ redis }) => ((await redis.config('GET', 'hz'))[1] === '30' ? 'after' : 'before'),
    fault: /more\.conf:2: /,
    // The file that includes it is there, and cannot be loaded.
    withoutIt: 'invalid',
  },
  {
    title: 'the users',
    name: 'acl',
    file: 'users.acl',
    begin: beginPlain,
    contents: () => ({
      before: USERS,
      after: USERS_AFTER,
      bad: 'user bob on\nuser carl +nosuch\n',
      half: USERS_AFTER.slice(0, -3),
    }),
    inEffect: async ({ redis }) =>
      ((await redis.call('ACL', 'USERS')) as string[]).includes('bob') ? 'after' : 'before',
    fault: /users\.acl:2: /,
  },
  {
    title: 'the RDB file',
    name: 'dataset',
    file: 'dump.rdb',
    begin: beginSaved,
    contents: ({ directory }) => ({
      before: readFileSync(join(directory, 'dump.rdb'), 'latin1'),
      after: otherDump,
      bad: 'nothing of the kind',
      half: cut(otherDump),
    }),
    inEffect: async ({ redis }) => ((await redis.get('from')) === 'here' ? 'before' : 'after'),
    fault: /Wrong signature/,
    onlyReported: true,
  },
  {
    title: 'the manifest of an append-only file',
    name: 'dataset',
    file: 'appendonlydir/appendonly.aof.manifest',
    begin: () => beginSaved(['appendonly yes']),
    contents: ({ directory }) => {
      const before = readFileSync(join(directory, 'appendonlydir/appendonly.aof.manifest'), 'latin1')
      const after = before.replaceAll('seq 1', 'seq 3')
      return { before, after, bad: 'file gone seq 1 type b\n', half: cut(after) }
    },
    inEffect: async ({ redis }) => ((await redis.get('from')) === 'here' ? 'before' : 'after'),
    fault: /names gone, which is not there/,
    onlyReported: true,
  },
]

const TLS_KINDS: readonly Kind[] = [
  {
    title: 'the certificate',
    name: 'tls_cert',
    file: 'server.crt',
    begin: beginTls,
    contents: () => ({
      before: pem('server.crt'),
      after: pem('renewed.crt'),
      bad: pem('other.crt'),
      half: cut(pem('renewed.crt')),
    }),
    inEffect: async ({ port }) =>
      (await serialSeen(port)) === serialOf(pem('renewed.crt')) ? 'after' : 'before',
    fault: /key values mismatch/,
  },
  {
    title: 'the key',
    name: 'tls_key',
    file: 'server.key',
    begin: beginTls,
    contents: () => {
      // The same key written in another way: any other would not be the certificate's.
      const after = createPrivateKey(pem('server.key')).export({ type: 'sec1', format: 'pem' }) as string
      return { before: pem('server.key'), after, bad: pem('other.key'), half: cut(after) }
    },
    inEffect: async ({ port, fields }) => {
      expect(await serialSeen(port)).toBe(serialOf(pem('server.crt')))
      return (await fields()).tls_key_generation === '2' ? 'after' : 'before'
    },
    fault: /key values mismatch/,
  },
  {
    title: 'the authorities',
    name: 'tls_ca',
    file: 'ca.crt',
    begin: beginTls,
    contents: () => {
      const after = pem('ca.crt') + pem('ca.crt', others)
      return { before: pem('ca.crt'), after, bad: 'nothing of the kind', half: cut(after) }
    },
    inEffect: async ({ port }) => {
      const stranger = { cert: pem('client.crt', others), key: pem('client.key', others) }
      return (await serialSeen(port, stranger)) === '' ? 'before' : 'after'
    },
    fault: /there is no certificate in it/,
  },
]

interface Way {
  readonly loads: boolean
  readonly look: (scene: Scene) => Promise<unknown>
}

const WAYS: Readonly<Record<string, Way>> = {
  RELOAD: { loads: true, look: ({ redis }) => redis.call('RELOAD').catch(() => {}) },
  SIGHUP: { loads: true, look: ({ server }) => Promise.resolve(server.reload()) },
  'the self-check that reloads': {
    loads: true,
    look: async ({ redis, server }) => {
      await redis.config('SET', 'self-check-action', 'reload')
      checkItself(server.engine)
      // It differs from the file, and is told of.
      await redis.config('SET', 'self-check-action', 'report')
    },
  },
  'the self-check that reports': {
    loads: false,
    look: ({ server }) => Promise.resolve(checkItself(server.engine)),
  },
}

type Content = keyof Contents | 'gone'

/** What the file becomes, one after the other; looked at each time. */
const FATES: Readonly<Record<string, { readonly steps: readonly Content[]; readonly renamed?: boolean }>> = {
  unchanged: { steps: ['before'] },
  'changed in place': { steps: ['after'] },
  'invalid, then mended': { steps: ['bad', 'before'] },
  'half-written, then completed': { steps: ['half', 'after'] },
  'deleted, then there again': { steps: ['gone', 'before'] },
  replaced: { steps: ['after'], renamed: true },
}

function expected(content: Content, loads: boolean): { readonly state: string; readonly effect: Effect } {
  if (content === 'before') return { state: 'insync', effect: 'before' }
  if (content === 'gone') return { state: 'missing', effect: 'before' }
  if (content !== 'after') return { state: 'invalid', effect: 'before' }
  return loads ? { state: 'insync', effect: 'after' } : { state: 'drift', effect: 'before' }
}

async function expectReport(kind: Kind, scene: Scene, state: string, effect: Effect): Promise<void> {
  const fields = await scene.fields()
  const { name } = kind
  expect({
    state: fields[`${name}_state`],
    generation: fields[`${name}_generation`],
    same: fields[`${name}_identity`] === fields[`${name}_disk_identity`],
    onDisk: fields[`${name}_disk_identity`] !== '',
    fault: state === 'invalid' || (state === 'missing' && fields[`${name}_last_error`] !== ''),
  }).toEqual({
    state,
    generation: effect === 'after' ? '2' : '1',
    same: state === 'insync',
    onDisk: state !== 'missing',
    fault: fields[`${name}_last_error`] !== '',
  })
  expect(await kind.inEffect(scene)).toBe(effect)
}

function expectNobodyDropped({ server, port }: Scene): void {
  const names = [...server.engine.clients.values()].map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(port === 0 ? ['here'] : ['here', 'here-over-tls']))
}

function table(kinds: readonly Kind[]): void {
  describe.each(kinds)('$title', (kind) => {
    describe.each(Object.entries(WAYS))('%s', (_, way) => {
      test.each(Object.entries(FATES))('%s', async (_name, { steps, renamed }) => {
        const scene = await kind.begin()
        const contents = kind.contents(scene)
        const path = join(scene.directory, kind.file)
        for (const content of steps) {
          if (content === 'gone') rmSync(path)
          else {
            const file = renamed === true ? 'new' : kind.file
            scene.write(file, Buffer.from(contents[content], 'latin1'))
            if (renamed === true) renameSync(join(scene.directory, file), path)
          }
          await way.look(scene)
          const { state, effect } = expected(content, way.loads && kind.onlyReported !== true)
          await expectReport(kind, scene, content === 'gone' ? (kind.withoutIt ?? state) : state, effect)
          if (content === 'bad') expect((await scene.fields())[`${kind.name}_last_error`]).toMatch(kind.fault)
          expectNobodyDropped(scene)
        }
      })
    })
  })
}

table(PLAIN_KINDS)
describe.skipIf(!hasOpenssl)('with TLS', () => table(TLS_KINDS))
