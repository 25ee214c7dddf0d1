/**
 * Tests of the program's own part, with a server that only pretends: what is printed, exit codes, signals,
 * pid file, title. A few runs of the real process at the end check what only a process shows.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { main, processTitle, type RunningServer } from '../src/cli.ts'
import { Configuration } from '../src/config/configuration.ts'
import { createServer } from '../src/index.ts'
import type { StopSignal, Terminal } from '../src/platform/terminal.ts'
import { REDIS_VERSION, RESPITE_VERSION } from '../src/platform/version.ts'

class FakeTerminal implements Terminal {
  out = ''
  errors = ''
  title = ''
  crash: (error: unknown) => void = nothing
  hangUp: () => void = nothing
  input = ''
  exits: number[] = []
  listeners = new Set<(signal: StopSignal) => void>()
  readonly isTerminal = false
  readonly pid = 4711

  print = (text: string): void => void (this.out += text)
  printError = (text: string): void => void (this.errors += text)
  readStandardInput = (): Uint8Array => Buffer.from(this.input)
  readAnswer = (): Promise<string> => Promise.resolve(this.input)
  variables: Record<string, string> = {}
  variable = (name: string): string | undefined => this.variables[name]
  onCrash = (listener: (error: unknown) => void): (() => void) => {
    this.crash = listener
    return () => (this.crash = nothing)
  }
  onHangUp = (listener: () => void): (() => void) => {
    this.hangUp = listener
    return () => (this.hangUp = nothing)
  }
  interruptible = <T>(work: () => T): T => work()
  setTitle = (title: string): void => void (this.title = title)
  exit = (code: number): void => void this.exits.push(code)
  onSignal = (listener: (signal: StopSignal) => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  signal(signal: StopSignal): void {
    for (const listener of this.listeners) listener(signal)
  }
  /** The log lines without pid, time and date. */
  get lines(): string[] {
    return this.out
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^\d+:([A-Z]) .{24} /, '$1 '))
  }
}

const nothing = (): void => {}

/** A start that waits for a signal, refuses to stop so many times, and what it was given. */
function fakeServer(refusals = 0): {
  start: (configuration: Configuration) => Promise<RunningServer>
  ready: Promise<Configuration>
  stopped: StopSignal[]
  /** Counts reloads. */
  reloads: { count: number }
  end: (error?: Error) => void
} {
  const stopped: StopSignal[] = []
  const reloads = { count: 0 }
  let end: (error?: Error) => void = nothing
  let started: (configuration: Configuration) => void = nothing
  const closed = new Promise<void>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve() : reject(error))
  })
  const ready = new Promise<Configuration>((resolve) => {
    started = resolve
  })
  const start = (configuration: Configuration): Promise<RunningServer> => {
    started(configuration)
    return Promise.resolve({
      loading: false,
      shutdown: (signal) => stopped.push(signal) > refusals,
      crashReport: (error) => ['crashed', String(error)],
      reload: () => void reloads.count++,
      closed,
    })
  }
  return { start, ready, stopped, reloads, end }
}

const neverStarts = (): Promise<RunningServer> => Promise.reject(new Error('it was started'))

const temporary = (): string => mkdtempSync(join(tmpdir(), 'respite-cli-'))

/** check-aof with these arguments, to a user who agrees: exit code and all it says. */
async function checkedAof(...words: string[]): Promise<[number, string]> {
  const terminal = new FakeTerminal()
  terminal.input = 'yes\n'
  return [await main(['check-aof', ...words], terminal, neverStarts), terminal.out + terminal.errors]
}

/** Lets what main() does after its server is up happen. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('main', () => {
  test('--version and --help', async () => {
    const terminal = new FakeTerminal()
    expect(await main(['--version'], terminal, neverStarts)).toBe(0)
    expect(terminal.out).toBe(
      `Respite v=${RESPITE_VERSION} redis_version=${REDIS_VERSION} node=${process.version} bits=64\n`,
    )
    expect(await main(['-h'], terminal, neverStarts)).toBe(0)
    expect(terminal.out).toContain('Usage: respite')
    expect(terminal.errors).toBe('')
  })

  test.each([
    [['--user', 'a', '+nosuch'], "Error in user declaration '+nosuch': Unknown command"],
    [['--rename-command', 'nosuch', 'x'], 'No such command in rename-command'],
    [
      ['--aclfile', '/nosuch.acl'],
      "Error loading ACLs, opening file '/nosuch.acl': No such file or directory",
    ],
    [['--tls-port', '1'], 'No tls-cert-file configured!'],
  ])('--check-config %j: what only a server can tell', async (directives, text) => {
    const terminal = new FakeTerminal()
    expect(await main(['--check-config', ...directives], terminal, neverStarts)).toBe(1)
    expect(terminal.errors).toContain(text)
  })

  test('--check-config says OK, or what is wrong and where', async () => {
    const file = join(temporary(), 'redis.conf')
    writeFileSync(file, 'port 0\nsave ""\n')
    const good = new FakeTerminal()
    expect(await main(['--check-config', file], good, neverStarts)).toBe(0)
    expect(good.out).toBe('OK\n')
    writeFileSync(file, 'port 0\nnonsense 1\n')
    const bad = new FakeTerminal()
    expect(await main([file, '--check-config'], bad, neverStarts)).toBe(1)
    expect(bad.out).toBe('')
    expect(bad.errors).toBe(
      `\n*** FATAL CONFIG FILE ERROR (Respite ${RESPITE_VERSION}) ***\n` +
        `Reading the configuration file '${file}', at line 2\n` +
        ">>> 'nonsense …'\nBad directive or wrong number of arguments\n",
    )
  })

  test.each([
    [['--nonsense', '1'], "Reading the command line\n>>> '--nonsense …'\nBad directive"],
    [['--cluster-enabled', 'yes'], "cluster-enabled is not supported: only 'no' is accepted"],
    [['/no/such.conf'], "Can't open config file '/no/such.conf': No such file or directory"],
    [['--logfile', '/no/such/x.log'], "Can't open the log file '/no/such/x.log': No such file or directory"],
    [['--sentinel'], '--sentinel is not supported'],
  ])('%j is refused before anything starts', async (argv, text) => {
    const terminal = new FakeTerminal()
    expect(await main(argv, terminal, neverStarts)).toBe(1)
    expect(terminal.errors).toContain(text)
    expect(terminal.out).toBe('')
  })

  test('file, standard input and arguments are read in this order', async () => {
    const file = join(temporary(), 'redis.conf')
    writeFileSync(file, 'port 1\nhz 11\ntimeout 5\ncluster-enabled yes\n')
    const terminal = new FakeTerminal()
    terminal.input = 'port 2\nhz 12\n'
    const server = fakeServer()
    const done = main([file, '--port', '3', '--cluster-enabled', 'no', '-'], terminal, server.start)
    const { settings } = await server.ready
    expect([settings.port, settings.hz, settings.timeout]).toEqual([3, 12, 5])
    server.end()
    expect(await done).toBe(0)
  })

  test('check-rdb checks one file', async () => {
    const terminal = new FakeTerminal()
    expect(await main(['check-rdb'], terminal, neverStarts)).toBe(1)
    const file = join(temporary(), 'dump.rdb')
    expect(await main(['check-rdb', file], terminal, neverStarts)).toBe(1)
    expect(terminal.out).toBe(`Cannot open file ${file}: No such file or directory\n`)
    writeFileSync(file, 'REDIS0003\xff', 'latin1')
    expect(await main(['check-rdb', file], terminal, neverStarts)).toBe(0)
  })

  test('healthcheck asks the server it is told of', async () => {
    const server = await createServer({ requirepass: 'secret' })
    const terminal = new FakeTerminal()
    expect(await main(['healthcheck', server.url], terminal, neverStarts)).toBe(1)
    expect(terminal.errors).toContain('not ready: it wants a password')
    terminal.variables = { RESPITE_URL: server.url, REDISCLI_AUTH: 'secret' }
    expect(await main(['healthcheck'], terminal, neverStarts)).toBe(0)
    expect(terminal.out).toBe('ready\n')
    await server.close()
    expect(await main(['healthcheck'], terminal, neverStarts)).toBe(1)
    expect(await main(['healthcheck', '--help'], terminal, neverStarts)).toBe(1)
    expect(terminal.errors).toContain('Usage: respite healthcheck')
  })

  test('check-aof checks a file or a manifest, and cuts when told so', async () => {
    const file = join(temporary(), 'a.aof')
    for (const wrong of [
      [],
      ['--fix'],
      ['--fix', '1', file],
      ['--truncate-to-timestamp', file],
      ['a', 'b'],
    ]) {
      expect((await checkedAof(...wrong))[0]).toBe(1)
    }
    expect((await checkedAof())[1]).toBe(
      'Usage: respite check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>\n',
    )
    expect(await checkedAof(file)).toEqual([1, `Cannot open file ${file}: No such file or directory\n`])
    expect(await checkedAof('--truncate-to-timestamp', 'x', file)).toEqual([
      1,
      'Invalid timestamp, aborting...\n',
    ])
    writeFileSync(file, '*1\r\n$4\r\nPING\r\n#TS:5\r\n*1\r\n')
    expect((await checkedAof('--fix', file))[0]).toBe(0)
    expect(readFileSync(file, 'latin1')).toBe('*1\r\n$4\r\nPING\r\n#TS:5\r\n')
    expect((await checkedAof('--truncate-to-timestamp', '4', file))[0]).toBe(0)
    expect(readFileSync(file, 'latin1')).toBe('*1\r\n$4\r\nPING\r\n')
  })

  test('start, a signal, and the end', async () => {
    const directory = temporary()
    const terminal = new FakeTerminal()
    const server = fakeServer()
    const argv = ['--dir', directory, '--pidfile', 'x.pid', '--save', '', '--bind', '127.0.0.1']
    const done = main(argv, terminal, server.start)
    await server.ready
    await settled()
    expect(terminal.lines).toEqual([
      'C * oO0OoO0OoO0Oo Respite is starting oO0OoO0OoO0Oo',
      `C * Respite version=${RESPITE_VERSION}, bits=64, pid=4711, just started`,
      'C * Configuration loaded',
      'M * Running mode=standalone, port=6379.',
    ])
    expect(terminal.title).toBe('respite 127.0.0.1:6379')
    expect(readFileSync(join(directory, 'x.pid'), 'utf8')).toBe('4711\n')
    terminal.signal('SIGTERM')
    terminal.signal('SIGTERM')
    expect(server.stopped).toEqual(['SIGTERM'])
    expect(terminal.lines.at(-1)).toBe('M * Received SIGTERM scheduling shutdown...')
    expect(terminal.exits).toEqual([])
    terminal.signal('SIGINT')
    expect(terminal.exits).toEqual([1])
    server.end()
    expect(await done).toBe(0)
    expect(existsSync(join(directory, 'x.pid'))).toBe(false)
    expect(terminal.listeners.size).toBe(0)
  })

  test('a shutdown that cannot be is asked for again', async () => {
    const terminal = new FakeTerminal()
    const server = fakeServer(1)
    const done = main(['--save', '', '--port', '1'], terminal, server.start)
    await server.ready
    await settled()
    for (let i = 0; i < 3; i++) terminal.signal('SIGTERM')
    expect(server.stopped).toEqual(['SIGTERM', 'SIGTERM'])
    server.end()
    expect(await done).toBe(0)
  })

  test('SIGHUP loads files again, as often as it comes', async () => {
    const terminal = new FakeTerminal()
    const server = fakeServer()
    const exit = main(['--set-proc-title', 'no'], terminal, server.start)
    await server.ready
    await Promise.resolve()
    terminal.hangUp()
    terminal.hangUp()
    expect(server.reloads.count).toBe(2)
    expect(terminal.lines.at(-1)).toBe('M * Received SIGHUP: reloading configuration, users and certificates')
    server.end()
    expect(await exit).toBe(0)
    expect(terminal.hangUp).toBe(nothing)
  })

  test('a crash is reported in the log, whose format can change while it runs', async () => {
    const terminal = new FakeTerminal()
    const server = fakeServer()
    const code = main(['--port', '7000', '--log-format', 'json'], terminal, server.start)
    const configuration = await server.ready
    await settled()
    expect(JSON.parse(terminal.out.split('\n', 1)[0])).toMatchObject({ level: 'notice', role: 'RDB/AOF' })
    configuration.set([['log-format', 'logfmt']], false)
    configuration.set([['log-timestamp-format', 'iso8601']], false)
    terminal.crash(new Error('a mistake'))
    const lines = terminal.out.trimEnd().split('\n').slice(-2)
    expect(lines.map((line) => line.replace(/pid=\d+ |timestamp="[-\dT:.]+Z" /g, ''))).toEqual([
      'role=primary level=warning message="crashed"',
      'role=primary level=warning message="Error: a mistake"',
    ])
    expect(terminal.exits).toEqual([1])
    server.end()
    expect(await code).toBe(0)
    expect(terminal.crash).toBe(nothing)
  })

  test('the defaults are warned about, the log goes to its file and follows loglevel', async () => {
    const log = join(temporary(), 'x.log')
    const terminal = new FakeTerminal()
    const server = fakeServer()
    const done = main(
      ['--logfile', log, '--daemonize', 'yes', '--pidfile', '/no/such/x.pid'],
      terminal,
      server.start,
    )
    const configuration = await server.ready
    await settled()
    configuration.set([['loglevel', 'warning']], false)
    terminal.signal('SIGINT')
    server.end()
    expect(await done).toBe(0)
    expect(terminal.out).toBe('')
    const text = readFileSync(log, 'utf8')
    expect(text).toContain('WARNING daemonize yes: the server stays in the foreground')
    expect(text).toContain("Failed to write PID file '/no/such/x.pid': No such file or directory")
    expect(text).not.toContain('scheduling shutdown')
  })

  test('no arguments at all are remarked on; always-show-logo shows it', async () => {
    const terminal = new FakeTerminal()
    const server = fakeServer()
    server.end()
    await main([], terminal, server.start)
    expect(terminal.out).toContain('Warning: no config file specified, using the default config.')
    const second = new FakeTerminal()
    await main(['--always-show-logo', 'yes'], second, server.start)
    expect(second.out).toContain('PID: 4711')
  })

  test('a server that cannot start is one line and exit code 1; a mistake of ours shows its stack', async () => {
    const terminal = new FakeTerminal()
    const error = Object.assign(new Error('Could not listen on 127.0.0.1:1: address already in use'), {
      code: 'EADDRINUSE',
    })
    expect(await main(['--port', '1', '--save', ''], terminal, () => Promise.reject(error))).toBe(1)
    expect(terminal.lines.at(-1)).toBe(`M # ${error.message}`)
    expect(await main(['--port', '1'], terminal, () => Promise.reject(new TypeError('oops')))).toBe(1)
    expect(terminal.lines.at(-1)).toMatch(/oops.* at /)
  })

  test('a server that breaks later is exit code 1', async () => {
    const server = fakeServer()
    const done = main(['--port', '1'], new FakeTerminal(), server.start)
    await server.ready
    server.end(new Error('broken'))
    expect(await done).toBe(1)
  })
})

test.each([
  [{}, 'respite *:6379'],
  [{ bind: '-::1 1.2.3.4', port: '7' }, 'respite ::1:7'],
  [{ port: '0', unixsocket: '/x.sock' }, 'respite /x.sock'],
  [{ 'proc-title-template': '{title} {{ {port} {config-file} {server-mode}' }, 'respite { 6379 /a.conf'],
] as const)('process title %j', (given, title) => {
  expect(processTitle(new Configuration(given).settings, '/a.conf')).toBe(title)
})

/** Arguments of node for the program itself, from the sources. */
const program = (args: readonly string[], imports: readonly string[] = []): string[] => [
  ...['tsx', ...imports].flatMap((name) => ['--import', name]),
  fileURLToPath(new URL('../src/cli.ts', import.meta.url)),
  ...args,
]

const run = (
  args: readonly string[],
  input = '',
  imports: readonly string[] = [],
): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, program(args, imports), { input, encoding: 'utf8', timeout: 20_000 })

describe('the process', () => {
  test('prints its version and exits with 0', () => {
    expect(run(['-v'])).toMatchObject({ status: 0, stderr: '' })
  })

  test('reports an error that nobody caught, and exits with 1', () => {
    const crash = `const { write } = process.stdout
      process.stdout.write = function (text) {
        if (text.includes('Ready to accept')) setImmediate(() => { throw new TypeError('a mistake') })
        return Reflect.apply(write, this, [text])
      }`
    const argv = ['--port', '0', '--unixsocket', join(temporary(), 'x.sock'), '--save', '']
    const { status, stdout } = run(argv, '', [`data:text/javascript,${encodeURIComponent(crash)}`])
    expect(status).toBe(1)
    expect(stdout).toContain(`# Respite ${RESPITE_VERSION} crashed by TypeError: a mistake\n`)
    expect(stdout).toContain('RESPITE BUG REPORT END')
  })

  test.skipIf(process.platform === 'win32')(
    'a second SIGINT ends it at once, also while it saves',
    async () => {
      const directory = temporary()
      const heldSave = `import fs from 'node:fs'
      import { syncBuiltinESMExports } from 'node:module'
      fs.fsyncSync = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 8000)
      syncBuiltinESMExports()`
      const argv = ['--port', '0', '--unixsocket', join(directory, 'x.sock'), '--dir', directory]
      const imports = [`data:text/javascript,${encodeURIComponent(heldSave)}`]
      const child = spawn(process.execPath, program([...argv, '--save', '60 1'], imports))
      const ended = once(child, 'exit')
      for await (const text of child.stdout.setEncoding('utf8')) {
        const lines = String(text)
        if (lines.includes('Ready to accept') || lines.includes('Saving the final RDB')) child.kill('SIGINT')
      }
      expect(await ended).toEqual([null, 'SIGINT'])
      expect(existsSync(join(directory, 'dump.rdb'))).toBe(false)
    },
  )

  test('refuses a bad configuration from standard input with 1', () => {
    const { status, stdout, stderr } = run(['-', '--check-config'], 'port x\n')
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toContain("Reading the configuration file 'standard input', at line 1\n>>> 'port x'\n")
  })
})
