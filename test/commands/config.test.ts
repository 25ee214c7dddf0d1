/** Tests of CONFIG REWRITE on files: what stays of them, and users whom an included file declares. */
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigLoader } from '../../src/config/config-file.ts'
import { type Session, session } from './session.ts'

/** A server that was started with this file, in a directory with these others. */
function startedWith(text: string, others: Readonly<Record<string, string>> = {}): [Session, string] {
  const directory = mkdtempSync(join(tmpdir(), 'respite-config-'))
  for (const [name, content] of Object.entries(others)) writeFileSync(join(directory, name), content)
  const file = join(directory, 'redis.conf')
  writeFileSync(file, `dir ${directory}\n${text}`)
  const s = session()
  new ConfigLoader(s.engine.configuration).file(file)
  s.engine.acl.file.start()
  return [s, file]
}

const OK = '+OK\r\n'

describe('CONFIG REWRITE', () => {
  test('permissions and a link to the file stay, and nothing else is left', () => {
    const [s, file] = startedWith('requirepass x\n')
    chmodSync(file, 0o640)
    const link = join(file, '..', 'link.conf')
    symlinkSync('redis.conf', link)
    s.engine.configuration.file = link
    expect(s.call('CONFIG', 'SET', 'requirepass', 'y')).toBe(OK)
    expect(s.call('CONFIG', 'REWRITE')).toBe(OK)
    expect(readFileSync(file, 'utf8')).toContain('\nrequirepass "y"\n')
    expect(statSync(file).mode & 0o777).toBe(0o640)
    expect(readdirSync(join(file, '..')).sort()).toEqual(['link.conf', 'redis.conf'])
  })

  test('permissions of an ACL file stay too', () => {
    const [s, file] = startedWith('aclfile users.acl\n', {
      'users.acl': 'user default on nopass ~* &* +@all\n',
    })
    const users = join(file, '..', 'users.acl')
    chmodSync(users, 0o600)
    expect(s.call('ACL', 'SAVE')).toBe(OK)
    expect(statSync(users).mode & 0o777).toBe(0o600)
  })

  test('users stand in the file, and are those of the next start', () => {
    const [s, file] = startedWith('user alice on >x ~a +get\n')
    expect(s.call('ACL', 'SETUSER', 'bob', 'on', '>y', '~"b\'', '(%R~c -@all +get)')).toBe(OK)
    expect(s.call('ACL', 'SETUSER', 'alice', 'off')).toBe(OK)
    expect(s.call('CONFIG', 'REWRITE')).toBe(OK)
    const text = readFileSync(file, 'latin1')
    expect(text).not.toContain('>x')
    const [again] = startedWith(text)
    expect(again.call('ACL', 'LIST')).toBe(s.call('ACL', 'LIST'))
  })

  test('users of an included file stay there', () => {
    const [s, file] = startedWith('include users.conf\nuser bob on\n', {
      'users.conf': 'user alice on >x ~a +get\n',
    })
    expect(s.call('CONFIG', 'REWRITE')).toBe(OK)
    expect(readFileSync(file, 'utf8')).toMatch(/^user bob on .*\n[^]*^user default /m)
    expect(readFileSync(file, 'utf8')).not.toContain('alice')
    expect(s.call('ACL', 'SETUSER', 'alice', 'off')).toBe(OK)
    const before = readFileSync(file)
    expect(s.call('CONFIG', 'REWRITE')).toMatch(
      /^-ERR Rewriting config file: user 'alice' was changed, and is declared in \S+users.conf, line 1\r\n$/,
    )
    expect(readFileSync(file)).toEqual(before)
  })
})
