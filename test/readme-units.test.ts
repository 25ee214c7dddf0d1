/** The systemd units in README.md: the server takes their command line, and systemd takes the units. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { respiteProgram } from './compat/respite.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
/** The text of each by its file name. */
const units = new Map<string, string>()
for (const [, name, text] of readme.matchAll(/```ini\n# \/etc\/systemd\/system\/(\S+)\n([^]*?)```/g)) {
  units.set(name, text)
}

/** The value of a directive of a unit; null without one. */
function valueOf(unit: string, section: string, directive: string): string | null {
  const part = units
    .get(unit)
    ?.split(/^(?=\[)/m)
    .find((one) => one.startsWith(`[${section}]`))
  return new RegExp(`^${directive}=(.*)$`, 'm').exec(part ?? '')?.[1] ?? null
}

test('say what the protocol needs', () => {
  expect([...units.keys()]).toEqual(['respite.socket', 'respite.service'])
  expect(valueOf('respite.socket', 'Socket', 'FileDescriptorName')).toBe('redis')
  const service = (directive: string): string | null => valueOf('respite.service', 'Service', directive)
  expect(service('Type')).toBe('notify')
  // Messages are carried by a program, which is a process of its own.
  expect(service('NotifyAccess')).toBe('all')
  expect(service('ExecStart')).toMatch(/^\S+\/node \S+\/dist\/cli\.js --supervised systemd /)
  expect(service('ExecReload')).toContain('-HUP $MAINPID')
  // Ending by idle-exit is no failure.
  expect(service('Restart')).toBe('on-failure')
  expect(Number(service('LimitNOFILE'))).toBeGreaterThan(10_064)
})

test('the command line is one that the server takes', () => {
  const words = valueOf('respite.service', 'Service', 'ExecStart')?.split(' ').slice(2) ?? []
  const given = words.map((word) => (word === '/var/lib/respite' ? tmpdir() : word))
  const { program, args } = respiteProgram()
  const { status, stdout, stderr } = spawnSync(program, [...args, '--check-config', ...given], {
    encoding: 'utf8',
  })
  expect([stderr, stdout, status]).toEqual(['', 'OK\n', 0])
})

/** What is said of these units: it speaks of the machine's own too. */
function ours(said: string): string[] {
  return said.split('\n').filter((line) => line.includes('respite'))
}

const ANALYZE = 'systemd-analyze'

test.skipIf(spawnSync(ANALYZE, ['--version']).status !== 0)('systemd-analyze finds nothing wrong', () => {
  const folder = mkdtempSync(join(tmpdir(), 'respite-units-'))
  try {
    const verify = (change: (text: string) => string): string => {
      const paths = [...units].map(([name, text]) => {
        writeFileSync(join(folder, name), change(text.replace('/usr/bin/node', process.execPath)))
        return join(folder, name)
      })
      return spawnSync(ANALYZE, ['verify', ...paths], { encoding: 'utf8' }).stderr
    }
    expect(ours(verify((text) => text))).toEqual([])
    expect(ours(verify((text) => text.replace('NotifyAccess', 'NotifyAcess')))).toHaveLength(1)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
