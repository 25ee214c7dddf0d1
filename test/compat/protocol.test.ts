/** The wire: inline commands, protocol errors, HELLO, RESET, QUIT, CLIENT REPLY, and the errors of dispatch. */
import { closed, differs, masked, on, raw, type Step, type StepLike, send, varies } from './steps.ts'
import { compat } from './suite.ts'

/** Sends bytes that the server must answer (or not) and then close the connection. */
function refused(bytes: string, replies = 1): StepLike[] {
  return [raw(bytes, replies), closed()]
}

/** HELLO's reply, whose version and client id differ. */
const hello = (like: StepLike): Step =>
  masked(like, /(?<=version\r\n\$N\r\n)[\d.]+|(?<=\bid\r\n):\d+/, 'the version and the client id')

const helloRefused = (like: StepLike): Step =>
  differs(
    'hello-noauth',
    like,
    '-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n',
  )

compat('protocol', ({ script }) => {
  script('inline commands', [
    raw('PING\r\n'),
    raw('PING\n'),
    raw('  PING  \r\n'),
    raw('\r\nPING\r\n'),
    raw('\n\n\r\nPING\n'),
    raw('   \r\nPING\r\n'),
    raw('ping hello\r\n'),
    raw('SET k "a b\\r\\n\\t\\x00\\xff\\xfg\\q\\"\\\\"\r\n'),
    'GET k',
    raw("SET k 'it\\'s \\n \"raw\"'\r\n"),
    'GET k',
    raw('SET "k" ""\r\n'),
    'GET k',
    raw("SET 'k' ''\r\n"),
    'GET k',
    raw('ECHO a"b"\r\n'),
    raw('ECHO a"b" c\r\n'),
    raw('ECHO a\tb\r\n'),
    raw('ECHO\ta\r\n'),
    raw('ECHO a\vb\r\n'),
    raw('ECHO \\x41\r\n'),
    raw('ECHO "\\b\\a\\v"\r\n'),
    raw('PING\r\r\n'),
    raw('ECHO a\rb\r\n'),
    raw('PING\r\nECHO a\r\n*1\r\n$4\r\nPING\r\nECHO b\n', 4),
  ])
  script('inline: unbalanced quotes', refused('SET k "abc\r\n'))
  script('inline: unbalanced single quotes', refused("SET k 'abc\r\n"))
  script('inline: text right after a closing quote', refused('SET k "abc"d\r\n'))
  script('inline: text right after a closing single quote', refused("SET k 'abc'd\r\n"))
  script('inline: an escape at the end', refused('ECHO "abc\\\r\n'))
  script('inline: too long', refused('a'.repeat(70_000)))
  script('inline: nearly too long', [raw(`ECHO ${'a'.repeat(60_000)}\r\n`)])
  script('inline: replies before the error are sent', [raw('PING\r\nPING\r\n"\r\n', 3), closed()])

  script('empty and null arrays are skipped', [
    raw('*0\r\nPING\r\n'),
    raw('*-1\r\nPING\r\n'),
    raw('*-10\r\nPING\r\n'),
    raw('*1\r\n$4\r\nPING\r\n'),
    raw('*1\n$4\nPING\r\n*1\r\n$4\r\nPING\r\n', 1),
  ])
  script('multibulk: not a number', refused('*x\r\n'))
  script('multibulk: a number and more', refused('*1x\r\n'))
  script('multibulk: blank before the number', refused('* 1\r\n'))
  script('multibulk: plus sign', refused('*+1\r\n'))
  script('multibulk: leading zero', refused('*01\r\n$4\r\nPING\r\n'))
  script('multibulk: nothing', refused('*\r\n'))
  script('multibulk: beyond 32 bits', refused('*2147483648\r\n'))
  script('multibulk: beyond 64 bits', refused('*99999999999999999999\r\n'))
  script('multibulk: a million and one', refused('*1048577\r\n$x\r\n'))
  script('multibulk: most allowed', refused('*2147483647\r\n$x\r\n'))
  script('multibulk: header without end', refused(`*${'1'.repeat(70_000)}`))
  script('bulk: another type', refused('*1\r\n:4\r\n'))
  script('bulk: a control byte', refused('*1\r\n\x01\r\n'))
  script('bulk: a high byte', refused('*1\r\n\xff\r\n'))
  script('bulk: a quote', refused("*1\r\n'\r\n"))
  script('bulk: a line end', refused('*1\r\n\r\n'))
  script('bulk: negative', refused('*1\r\n$-1\r\n'))
  script('bulk: not a number', refused('*1\r\n$abc\r\n'))
  script('bulk: nothing', refused('*1\r\n$\r\n'))
  script('bulk: a number and more', refused('*1\r\n$4x\r\nPING\r\n'))
  script('bulk: plus sign', refused('*1\r\n$+4\r\nPING\r\n'))
  script('bulk: leading zero', refused('*1\r\n$04\r\nPING\r\n'))
  script('bulk: over proto-max-bulk-len', refused('*2\r\n$4\r\nECHO\r\n$536870913\r\n'))
  script('bulk: over a smaller proto-max-bulk-len', refused('*2\r\n$4\r\nECHO\r\n$1048577\r\n'), {
    config: { 'proto-max-bulk-len': '1mb' },
  })
  script('bulk: header without end', refused(`*1\r\n$${'1'.repeat(70_000)}`))
  script('bulk: too short a length takes what follows as the next header', refused('*2\r\n$2\r\nPING\r\n'))
  script('bulk: the two bytes after it are not looked at', [raw('*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n', 2)])
  script('replies before a protocol error are sent', [raw('*1\r\n$4\r\nPING\r\nPING\r\n*x\r\n', 3), closed()])

  script('commands cut anywhere', [
    send(raw('*2\r\n$4\r\nEC', 0)),
    send(raw('HO\r', 0)),
    send(raw('\n$', 0)),
    send(raw('5', 0)),
    raw('\r\nhello\r\n'),
    send(raw('*', 0)),
    raw('1\r\n$4\r\nPING\r\n'),
    send(raw('PI', 0)),
    raw('NG\r\n'),
    send(raw('ECHO a\r', 0)),
    raw('\n'),
  ])
  script('an empty command name', [[''], ['', 'a'], raw('*1\r\n$0\r\n\r\n'), raw('""\r\n'), raw('"" a\r\n')])

  script('large arguments', [
    ['SET', 'k', Buffer.alloc(100_000, 'x')],
    'GET k',
    ['SET', 'k', Buffer.alloc(3_000_000, '\r\n')],
    'STRLEN k',
    'GET k',
    ['MSET', ...Array.from({ length: 20_000 }, (_, i) => `key:${i >> 1}`)],
    'DBSIZE',
    ['MGET', ...Array.from({ length: 5000 }, (_, i) => `key:${i}`)],
  ])

  script('unknown commands', [
    'nosuch',
    'NoSuch a b c',
    ['nosuch', 'with space', "quote'", 'line\r\nbreak', '\x00\x01\xff', ''],
    ['no\r\nsuch', 'a'],
    ['no\x00such', 'a'],
    ['n'.repeat(127), 'a'],
    ['n'.repeat(128), 'a'],
    ['n'.repeat(129), 'a'],
    ['n'.repeat(300), 'a'],
    ['nosuch', 'a'.repeat(120), 'b'],
    ['nosuch', 'a'.repeat(124), 'b'],
    ['nosuch', 'a'.repeat(125), 'b'],
    ['nosuch', 'a'.repeat(126), 'b'],
    ['nosuch', 'a'.repeat(200), 'b'],
    ['nosuch', ...Array.from({ length: 50 }, (_, i) => `arg${i}`)],
    ['nosuch', 'x'.repeat(60), 'y'.repeat(60), 'z'.repeat(60)],
    ['nosuch', '\xc3\xa9'.repeat(10)],
    [' ping'],
    ['ping '],
    ['GET\0', 'k'],
    ['CLIENT|LIST'],
    ['config|get', 'x'],
  ])

  script('arity', [
    'GET',
    'get',
    'GET a b',
    'SET a',
    'MSET a',
    'MSET a b c',
    'PING a b',
    'ECHO',
    'ECHO a b',
    'DEL',
    'LPUSH k',
    'LRANGE k 0',
    'TIME now',
    'SELECT',
    'SELECT 0 1',
    'DBSIZE x',
    'QuIt_',
    'CONFIG',
    'CONFIG GET',
    'CONFIG SET',
    'CONFIG SET a',
    'CONFIG RESETSTAT x',
    'CLIENT',
    'CLIENT ID x',
    'CLIENT SETNAME',
    'CLIENT GETNAME x',
    'CLIENT KILL',
    'CLIENT REPLY',
    'CLIENT PAUSE',
    'CLIENT UNBLOCK',
    'CLIENT NO-EVICT',
    'COMMAND GETKEYS',
    'COMMAND COUNT x',
    'OBJECT',
    'OBJECT ENCODING',
    'OBJECT ENCODING a b',
    'DEBUG',
    'DEBUG SLEEP',
    'SWAPDB 0',
    'COPY a',
  ])

  script('unknown subcommands', [
    'CONFIG nosuch',
    'config NoSuch a b',
    'CLIENT nosuch',
    ['CLIENT', 'no such'],
    ['CLIENT', 'no\r\nsuch'],
    ['CLIENT', 'n'.repeat(127)],
    ['CLIENT', 'n'.repeat(128)],
    ['CLIENT', 'n'.repeat(200)],
    ['CLIENT', ''],
    'COMMAND nosuch',
    'OBJECT nosuch k',
    'OBJECT nosuch',
    'DEBUG nosuch',
    'DEBUG nosuch a b',
  ])

  script('HELLO', [
    hello('HELLO'),
    hello('HELLO 2'),
    'PING',
    'GET nokey',
    hello('HELLO 3'),
    'GET nokey',
    hello('hello 3 setname tester'),
    'CLIENT GETNAME',
    hello('HELLO'),
    hello('HELLO 2 SETNAME other'),
    'CLIENT GETNAME',
    'HELLO 1',
    'HELLO 4',
    'HELLO 0',
    'HELLO -1',
    'HELLO x',
    'HELLO 99999999999999999999',
    ['HELLO', ''],
    'HELLO 3 nosuch',
    'HELLO 3 SETNAME',
    ['HELLO', '3', 'SETNAME', 'with space'],
    ['HELLO', '3', 'SETNAME', 'line\nbreak'],
    'HELLO 3 AUTH default',
    hello('HELLO 3 AUTH default any'),
    'HELLO 3 AUTH nobody wrong',
    'HELLO 3 AUTH nobody wrong SETNAME x',
    'HELLO AUTH default x',
    hello('HELLO 2 AUTH default any SETNAME z'),
    'CLIENT GETNAME',
    hello('HELLO 3 SETNAME a SETNAME b'),
    'CLIENT GETNAME',
  ])

  script('AUTH without a password set', ['AUTH', 'AUTH x', 'AUTH default x', 'AUTH nobody x', 'AUTH a b c'])

  script('RESET', [
    'SELECT 5',
    'CLIENT SETNAME me',
    hello('HELLO 3'),
    'RESET',
    'CLIENT GETNAME',
    'GET nokey',
    varies('CLIENT INFO', 'ids, addresses and memory figures; connection.test.ts looks at the rest'),
    'RESET x',
    'RESET',
  ])

  script('QUIT', ['QUIT', closed()])
  script('QUIT with arguments', ['QUIT now', closed()])
  script('QUIT: what follows is not run', [raw('PING\r\nQUIT\r\nPING\r\n', 2), closed(), on('b', 'PING')])

  script('CLIENT REPLY', [
    'CLIENT REPLY ON',
    send('CLIENT REPLY OFF'),
    send('SET k v'),
    send('nosuch'),
    send('GET'),
    'CLIENT REPLY ON',
    'GET k',
    send('CLIENT REPLY SKIP'),
    send('GET k'),
    'PING',
    send('CLIENT REPLY SKIP'),
    send('CLIENT REPLY SKIP'),
    send('PING'),
    'ECHO last',
    'CLIENT REPLY nosuch',
    'CLIENT REPLY ON OFF',
    send('CLIENT REPLY OFF'),
    send('CLIENT REPLY SKIP'),
    send('PING'),
    send('PING'),
    'CLIENT REPLY ON',
    'PING',
    raw('CLIENT REPLY SKIP\r\nPING\r\nECHO a\r\nCLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\n', 2),
  ])
  script('a browser', refused('POST / HTTP/1.1\r\nHost: localhost\r\n\r\n', 0))
  script('a browser, by its Host header', refused('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 0))
})

compat('authentication', ({ script }) => {
  script(
    'requirepass',
    [
      on('admin', 'CONFIG SET requirepass secret'),
      'PING',
      'GET k',
      'nosuch',
      'GET',
      'CLIENT ID',
      'COMMAND COUNT',
      helloRefused('HELLO 3'),
      helloRefused('HELLO 2'),
      helloRefused('HELLO'),
      'AUTH wrong',
      'AUTH default wrong',
      'AUTH nobody secret',
      'HELLO 3 AUTH default wrong',
      'RESET',
      'PING',
      'AUTH secret',
      'PING',
      'RESET',
      'PING',
      'AUTH default secret',
      'PING',
      'HELLO 2 AUTH default wrong',
      'PING',
      on('b', hello('HELLO 3 AUTH default secret SETNAME b')),
      on('b', 'CLIENT GETNAME'),
      on('c', 'QUIT'),
      closed('c'),
      on('admin', ['CONFIG', 'SET', 'requirepass', '']),
      on('d', 'PING'),
      on('d', 'AUTH secret'),
    ],
    { protocols: [2] },
  )
  script(
    'limits before authentication',
    [
      on('admin', 'CONFIG SET requirepass secret'),
      on('a', raw('*11\r\n')),
      closed('a'),
      on('b', raw('*1\r\n$16385\r\n')),
      closed('b'),
      on('c', raw('*10\r\n$1\r\na\r\n'.padEnd(60, '$1\r\na\r\n'), 0)),
      on('d', ['PING', 'x'.repeat(16_384)]),
      on('admin', ['CONFIG', 'SET', 'requirepass', '']),
    ],
    { protocols: [2] },
  )
})
