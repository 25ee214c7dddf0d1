/** The package as a user gets it: packed, installed in an empty folder, run, used by two clients, its types checked. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exampleWith } from './readme-examples.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
/** What the installed package may weigh: README and declarations too, but no source maps. */
const BYTES_MAX = 1_000_000

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

/** How README says its examples are run, and the program that stands for npx there. */
const RUNNERS: readonly (readonly [run: string, program: readonly string[]])[] = [
  ['node --test', ['--test']],
  ['npx vitest run', [join(modules, 'vitest', 'vitest.mjs'), 'run']],
  ['NODE_OPTIONS=--experimental-vm-modules npx jest', [join(modules, 'jest', 'bin', 'jest.js')]],
]

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
  let tarball: string

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
    tarball = join(source, npm(source, 'pack', '--silent').trim().split('\n').at(-1) as string)
    writeFileSync(join(user, 'package.json'), '{ "name": "user", "private": true }')
    // What it depends on comes from here, so that no network is needed.
    const dependencies = ['redis-parser', 'redis-errors'].map((name) => join(modules, name))
    npm(user, 'install', '--install-links', ...dependencies, tarball)
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

  test.each(RUNNERS)(
    'README’s example for %s passes, and fails when it has to',
    (run, program) => {
      const example = exampleWith('js', `, run by: ${run}\n`)
      const name = /^\/\/ (\S+), /.exec(example)?.[1] ?? ''
      const [, flags = ''] = /^NODE_OPTIONS=(\S+) /.exec(run) ?? []
      const cwd = mkdtempSync(join(user, 'example-'))
      writeFileSync(join(cwd, 'package.json'), '{}')
      const runWith = (text: string): { status: number | null; said: string } => {
        writeFileSync(join(cwd, name), text)
        const env = { ...process.env, NODE_OPTIONS: flags }
        const { status, stdout, stderr } = spawnSync(process.execPath, program, {
          cwd,
          env,
          encoding: 'utf8',
          timeout: 60_000,
        })
        return { status, said: stdout + stderr }
      }
      const right = runWith(example)
      expect(right.status, right.said).toBe(0)
      expect(right.said).toMatch(/pass 1$|1 passed/m)
      const wrong = runWith(example.replace('advance(86_400_000)', 'advance(86_399_999)'))
      expect(wrong.status, wrong.said).toBe(1)
      expect(wrong.said).toMatch(/fail 1$|1 failed/m)
    },
    120_000,
  )

  test('its program runs', () => {
    const { stdout } = spawnSync(join(user, 'node_modules', '.bin', 'respite'), ['--version'], {
      encoding: 'utf8',
    })
    expect(stdout).toMatch(/^Respite v=/)
  })

  test('publint and attw have nothing to say', async () => {
    const { messages } = await publint({ pkgDir: join(user, 'node_modules', 'respite') })
    expect(messages).toEqual([])
    const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)))
    const problems = result.types === false ? ['no types'] : result.problems
    // Its profile "esm-only": the program that require()s a module is another test here.
    const others = problems.filter(
      (problem) => typeof problem === 'string' || problem.kind !== 'CJSResolvesToESM',
    )
    expect(others).toEqual([])
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
