/** The package as a user gets it: packed, installed in an empty folder, run, used by two clients, its types checked. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
/** What the installed package may weigh: README and declarations too, but no source maps. */
const BYTES_MAX = 1024 * 1024

/** A user's program against both clients and the server itself, compiled strictly and run. */
const PROGRAM = `
import { createClient } from 'redis'
import { Redis } from 'ioredis'
import { CommandError, createServer, type Reply, type RespiteServer, type ServerOptions } from 'respite'

const options: ServerOptions = { port: 0, maxmemory: '100mb', hz: 10, appendonly: false, clock: 'manual' }
const server: RespiteServer = await createServer(options)
const redis = new Redis(server.connectionOptions())
await redis.set('k', 'ioredis', 'EX', 60)
const client = createClient(server.connectionOptions())
await client.connect()
const seen: (string | null)[] = [await client.get('k')]
await client.rPush('l', ['a', 'b'])
const reply: Reply = await server.call('LRANGE', 'l', 0, -1)
if (!Array.isArray(reply)) throw new Error('no array')
const refused: unknown = await server.call('INCR', 'l').catch((error: unknown) => error)
await server.clock.advance(60_000)
seen.push(await redis.get('k'))
console.log(JSON.stringify([seen, reply, refused instanceof CommandError && refused.code, server.keys()]))
redis.disconnect()
client.destroy()
await server.close()
// @ts-expect-error a number where there is a name
const wrong: ServerOptions = { 'maxmemory-policy': 3 }
void wrong
`

/** What README shows for test runners; `test` comes from the runner's own module. */
const EXAMPLE = `
import { Redis } from 'ioredis'
import { createServer } from 'respite'

test('a session ends after a day', async () => {
  const server = await createServer({ clock: 'manual' })
  const redis = new Redis(server.connectionOptions())
  await redis.set('session', 'user', 'EX', 86_400)
  await server.clock.advance(86_400_000)
  assert.equal(await redis.get('session'), null)
  redis.disconnect()
  await server.close()
})
`

const TSCONFIG = {
  compilerOptions: {
    strict: true,
    module: 'NodeNext',
    target: 'ES2022',
    types: ['node'],
    skipLibCheck: false,
    exactOptionalPropertyTypes: false,
    outDir: 'out',
  },
  files: ['program.mts'],
}

function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', [...args, '--offline', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    encoding: 'utf8',
  })
}

describe('the packed tarball', () => {
  let folder: string
  let user: string

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'respite-package-'))
    const source = join(folder, 'source')
    user = join(folder, 'user')
    mkdirSync(source)
    mkdirSync(user)
    for (const name of ['package.json', 'README.md', 'LICENSE', 'tsconfig.json', '.biome.json', 'src']) {
      cpSync(join(root, name), join(source, name), { recursive: true })
    }
    symlinkSync(modules, join(source, 'node_modules'), 'dir')
    const tarball = npm(source, 'pack', '--silent').trim().split('\n').at(-1) as string
    writeFileSync(join(user, 'package.json'), '{ "name": "user", "private": true }')
    // What it depends on comes from here, so that no network is needed.
    const dependencies = ['redis-parser', 'redis-errors'].map((name) => join(modules, name))
    npm(user, 'install', '--install-links', ...dependencies, join(source, tarball))
    for (const name of ['ioredis', 'redis', 'vitest', '@types', 'undici-types']) {
      const target = join(modules, name)
      if (existsSync(target)) symlinkSync(target, join(user, 'node_modules', name), 'dir')
    }
    writeFileSync(join(user, 'program.mts'), PROGRAM)
    writeFileSync(join(user, 'tsconfig.json'), JSON.stringify(TSCONFIG))
  }, 120_000)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const node = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, args, { cwd: user, encoding: 'utf8', timeout: 20_000 })

  test('its types suit a strict program, which ioredis and node-redis work in', () => {
    const tsc = spawnSync(join(modules, '.bin', 'tsc'), ['-p', user], { encoding: 'utf8' })
    expect(tsc.stdout + tsc.stderr).toBe('')
    const { stdout, stderr } = node('out/program.mjs')
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual([['ioredis', null], ['a', 'b'], 'WRONGTYPE', ['l']])
  }, 60_000)

  test('require() and import give the same', () => {
    const script =
      "import('respite').then((m) => console.log(Object.keys(m).sort().join(), m === require('respite')))"
    expect(node('--input-type=commonjs', '-e', script).stdout).toBe(
      'CommandError,ConfigError,createServer true\n',
    )
  })

  test.each([
    ['node:test', "import { test } from 'node:test'", ['--test', 'example.test.mjs']],
    [
      'vitest',
      "import { test } from 'vitest'",
      [join(modules, 'vitest', 'vitest.mjs'), 'run', '--root', '.'],
    ],
  ])('the example for %s', (_, line, args) => {
    const file = join(user, 'example.test.mjs')
    writeFileSync(file, `import assert from 'node:assert/strict'\n${line}\n${EXAMPLE}`)
    const { status, stdout, stderr } = node(...args)
    expect(status, stdout + stderr).toBe(0)
    expect(stdout).toMatch(/pass 1|1 passed/)
  })

  test('its program runs', () => {
    const { stdout } = spawnSync(join(user, 'node_modules', '.bin', 'respite'), ['--version'], {
      encoding: 'utf8',
    })
    expect(stdout).toMatch(/^Respite v=/)
  })

  test('publint has nothing to say', async () => {
    const { messages } = await publint({ pkgDir: join(user, 'node_modules', 'respite') })
    expect(messages).toEqual([])
  })

  test('it is small, and brings nothing to build or run at install', () => {
    const installed = join(user, 'node_modules', 'respite')
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
    const bytes = files
      .filter((name) => !name.endsWith('.map'))
      .map((name) => statSync(join(installed, name)))
      .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)
    expect(bytes).toBeLessThan(BYTES_MAX)
    expect(files.filter((name) => /(?:^|\/)(?:test|bench|binding\.gyp|node_modules)/.test(name))).toEqual([])
  })
})
