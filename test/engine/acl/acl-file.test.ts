/** ACL files and redis.conf's `user` lines: all or nothing, every fault with its line, and back again. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConfigError } from '../../../src/config/config-error.ts'
import { ConfigLoader } from '../../../src/config/config-file.ts'
import { Configuration } from '../../../src/config/configuration.ts'
import { hashOf } from '../../../src/engine/acl/user.ts'
import { bulks, type Session, session } from '../../commands/session.ts'

const secret = hashOf(Buffer.from('secret'))

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'acl-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A server with an ACL file of this text, not loaded yet. */
function withFile(text: string): Session {
  writeFileSync(join(folder, 'users.acl'), text, 'latin1')
  return session({ config: { aclfile: 'users.acl', dir: folder } })
}

describe('ACL LOAD', () => {
  test('the users of the file and no others', () => {
    const s = withFile(`\n user alice on #${secret} ~a* (+get ~b) +set\r\n\t\nuser bob off  nopass\n`)
    s.engine.acl.file.start()
    s.run('ACL SETUSER carol on')
    expect(s.run('ACL LOAD')).toBe('+OK\r\n')
    expect(s.run('ACL LIST')).toBe(
      bulks(
        `user alice on #${secret} ~a* resetchannels -@all +set (~b resetchannels -@all +get)`,
        'user bob off nopass resetchannels -@all',
        'user default on nopass ~* &* +@all',
      ),
    )
  })

  test('every fault is told with its line, passwords are not, and nothing changes', () => {
    const s = withFile(
      'user alice on >hidden\nuser alice\nnonsense\nuser bob +nosuch >x #12 ~a allkeys ~b -nope\nuser carol (+get ~a\nuser\n',
    )
    s.run('ACL SETUSER dave on')
    const before = s.run('ACL LIST')
    expect(s.run('ACL LOAD')).toBe(
      "-ERR WARNING: Duplicate user 'alice' found on line 2. " +
        'users.acl:3 should start with user keyword followed by the username. ' +
        "users.acl:4: Error in applying operation '+nosuch': Unknown command or category name in ACL. " +
        'users.acl:4: The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters. ' +
        "users.acl:4: Error in applying operation '-nope': Unknown command or category name in ACL. " +
        'users.acl:5: Unmatched parenthesis in selector definition.' +
        'users.acl:6 should start with user keyword followed by the username. ' +
        'WARNING: ACL errors detected, no change to the previously active ACL rules was performed\r\n',
    )
    expect(s.run('ACL LIST')).toBe(before)
    expect(() => s.engine.acl.file.start()).toThrow('Aborting Redis startup because of ACL errors: WARNING')
  })

  test('clients stay logged in as users who stay, with their new rights; others are cut', () => {
    const s = withFile('user alice on nopass ~* +get\n')
    s.run('ACL SETUSER alice on nopass +@all ~* &*')
    s.run('ACL SETUSER bob on nopass +@all ~* &*')
    const cut: string[] = []
    const [alice, bob, listener] = ['alice', 'bob', 'alice'].map((name) => {
      const client = s.another()
      client.run(`AUTH ${name} x`)
      Object.assign(client.client, { link: { ...client.client.link, destroy: () => cut.push(name) } })
      return client
    })
    listener.run('SUBSCRIBE news')
    expect(s.run('ACL LOAD')).toBe('+OK\r\n')
    expect(cut.sort()).toEqual(['alice', 'bob'])
    expect(bob.client.authenticated).toBe(false)
    expect(alice.run('GET k')).toBe('$-1\r\n')
    expect(alice.run('SET k v')).toContain('NOPERM')
  })

  test('a password among the rules of a selector is not told', () => {
    const s = withFile('user alice on (+nosuch >secret)\nuser bob (>secret\nuser carol secret\n')
    const reply = s.run('ACL LOAD')
    expect(reply).toContain('users.acl:1: Unknown command or category name in ACL. users.acl:2: ')
    expect(reply).not.toContain('secret')
  })

  test('a file that is not there', () => {
    const s = session({ config: { aclfile: 'nosuch.acl', dir: folder } })
    expect(s.run('ACL LOAD')).toBe(
      "-ERR Error loading ACLs, opening file 'nosuch.acl': No such file or directory\r\n",
    )
  })

  test('without a default user in the file there is the open one', () => {
    const s = withFile('user alice on\n')
    s.run('ACL SETUSER default >x')
    s.run('ACL LOAD')
    expect(s.run('ACL LIST')).toContain('user default on nopass ~* &* +@all')
    expect(s.another().run('PING')).toBe('+PONG\r\n')
  })
})

test('ACL SAVE writes what ACL LOAD reads', () => {
  const s = withFile('')
  s.call('ACL', 'SETUSER', 'al\xefce', 'on', '>x', '~\xff*', '+@all', '-@write', '+set', '(+get %R~x &y)')
  s.run('ACL SETUSER default on >y')
  const before = s.run('ACL LIST')
  expect(s.run('ACL SAVE')).toBe('+OK\r\n')
  expect(readFileSync(join(folder, 'users.acl'), 'latin1').split('\n')).toHaveLength(3)
  s.run('ACL SETUSER default reset on nopass +acl')
  s.run('ACL DELUSER al\xefce')
  expect(s.run('ACL LOAD')).toBe('+OK\r\n')
  expect(s.run('ACL LIST')).toBe(before)
})

test('ACL SAVE that fails', () => {
  const s = session({ config: { aclfile: 'nosuch/users.acl', dir: folder } })
  expect(s.run('ACL SAVE')).toContain('There was an error trying to save the ACLs')
})

/** ACL LIST of a server started with these lines in its configuration. */
function started(text: string): string {
  const configuration = new Configuration()
  new ConfigLoader(configuration).text(Buffer.from(text), 'redis.conf')
  const s = session()
  s.engine.configuration.users.push(...configuration.users)
  s.engine.acl.file.start()
  return s.run('ACL LIST')
}

describe('user lines', () => {
  test('make users; one for the default user begins from nothing', () => {
    const list = started('user é on >secret +get\nuser default on >secret +acl ( +get ~x )')
    expect(list).toBe(
      bulks(
        `user default on #${secret} resetchannels -@all +acl (~x resetchannels -@all +get)`,
        `user \xc3\xa9 on #${secret} resetchannels -@all +get`,
      ),
    )
  })

  test.each([
    ['user a on', 'user a on\nuser a off', 2, "user declaration 'a': Duplicate user found"],
    ['', 'user a on +nosuch', 1, "user declaration '+nosuch': Unknown command"],
    ['', 'user a on #12', 1, "user declaration 'a': The password hash must be"],
    ['', 'user "a b" on', 1, 'Spaces not allowed in ACL usernames'],
    ['', 'user a (+get >secret)', 1, "user declaration 'a': Syntax error"],
    ['', 'user a (>secret', 1, "user declaration 'a': Unmatched parenthesis"],
    ['', 'user a on > secret', 1, "user declaration 'a': Syntax error"],
    ['', 'user a (+get', 1, "user declaration '(+get': Unmatched parenthesis"],
  ])('%s are refused', (_, text, line, message) => {
    const error = errorOf(() => started(text))
    expect(error.message).toContain(message)
    expect(error.place).toMatchObject({ line, text: expect.stringMatching(/^user \S+ …$/) })
  })

  test('and an ACL file exclude each other', () => {
    const s = withFile('')
    s.engine.configuration.users.push({
      words: ['a', 'on'],
      place: { origin: 'redis.conf', line: 1, text: 'user a …' },
    })
    expect(errorOf(() => s.engine.acl.file.start()).message).toContain('but not both')
  })
})

function errorOf(run: () => unknown): ConfigError {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('it was accepted')
}
