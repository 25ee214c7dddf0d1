/** Append-only files for tests: commands to bytes, a directory with its manifest, and a load that keeps what it is told. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { Keyspace } from '../../src/keyspace/keyspace.ts'
import { type AofLoad, type AofLoaded, loadAof } from '../../src/persistence/aof-loader.ts'
import { AofManifest } from '../../src/persistence/aof-manifest.ts'
import { LoadProgress } from '../../src/persistence/load-progress.ts'
import { LineLog } from '../../src/platform/log.ts'
import { SystemTimers } from '../../src/platform/timers.ts'
import type { Arguments } from '../../src/protocol/arguments.ts'
import { session } from '../commands/session.ts'

/** A directory that goes when the tests of the file are done. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'aof-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A command as it stands in the file; strings are latin1. */
export function resp(...words: readonly (string | Uint8Array)[]): Buffer {
  const parts = words.map((word) => (typeof word === 'string' ? Buffer.from(word, 'latin1') : word))
  return Buffer.concat([
    Buffer.from(`*${words.length}\r\n`),
    ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]),
  ])
}

/** Commands given as lines of words without blanks; a line that begins with # is an annotation. */
export function aof(...lines: readonly string[]): Buffer {
  return Buffer.concat(
    lines.map((line) => (line.startsWith('#') ? Buffer.from(`${line}\r\n`) : resp(...line.split(' ')))),
  )
}

export interface LoadRun {
  readonly directory: string
  readonly loaded: AofLoaded | null
  /** What it was refused with, or ''. */
  readonly error: string
  /** The commands run, as words. */
  readonly commands: string[][]
  readonly log: string
  /** A file as it is now, latin1. */
  file(name: string): string
}

export interface LoadOptions {
  readonly directory: string
  readonly manifest: AofManifest
  readonly loadTruncated?: boolean
  readonly keyspace?: Keyspace
  readonly apply?: (args: Arguments) => string | null
  readonly progress?: (progress: LoadProgress) => void
}

/** Writes the files as base and increments, called by their names' first letter: b… is the base; and loads them. */
export function loadFiles(
  directory: string,
  files: Readonly<Record<string, Uint8Array>>,
  options: Partial<LoadOptions> = {},
): Promise<LoadRun> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(directory, name), bytes)
  const [base, ...rest] = Object.keys(files)
  const increments = base.startsWith('b') ? rest : [base, ...rest]
  const manifest = new AofManifest(
    base.startsWith('b') ? { name: base, seq: 1 } : null,
    increments.map((name, i) => ({ name, seq: i + 1 })),
    [],
  )
  return load({ ...options, directory, manifest })
}

/** Loads what the manifest names. */
export async function load(options: LoadOptions): Promise<LoadRun> {
  const { directory, manifest } = options
  const keyspace = options.keyspace ?? session().engine.keyspace
  let lines = ''
  const log = new LineLog('debug', (line) => {
    lines += line.replace(/^\d+:[A-Z] .{24} /, '')
  })
  const commands: string[][] = []
  const record = (args: Arguments): string | null => {
    commands.push(Array.from({ length: args.count }, (_, i) => args.text(i)))
    return args.is(0, 'NONE') ? "Unknown command 'none'" : null
  }
  const parts: AofLoad = {
    directory,
    manifest,
    appendfilename: 'old.aof',
    keyspace,
    log,
    loadTruncated: options.loadTruncated ?? true,
    begin: (total) => {
      const { clock, random } = keyspace
      const { settings } = keyspace
      const progress = new LoadProgress(total, { settings, clock, timers: new SystemTimers(), random, log })
      options.progress?.(progress)
      return progress
    },
    beginFile: () => {},
    apply: options.apply ?? record,
  }
  let loaded: AofLoaded | null = null
  let error = ''
  try {
    loaded = await loadAof(parts)
  } catch (thrown) {
    // Anything else is a mistake of ours and fails the test.
    if ((thrown as Error).constructor !== Error) throw thrown
    error = (thrown as Error).message
  }
  const file = (name: string): string => readFileSync(join(directory, name), 'latin1')
  return { directory, loaded, error, commands, log: lines, file }
}
