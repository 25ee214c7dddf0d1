/**
 * Where Redis 7.2, which we follow, is known to answer otherwise than the 7.0 oracle, each with its
 * explanation. A script names the entry (differs() in steps.ts) and states what ours must answer.
 */
export const differences = {
  'list-listpack':
    'since 7.2 a small list is one listpack, and OBJECT ENCODING says so; 7.0 always says quicklist',
  'lpos-rank': 'since 7.2 LPOS refuses the one RANK that has no opposite, -2^63',
  'bit-range-absent': 'since 7.2 BITCOUNT and BITPOS check their arguments before they look for the key',
  'own-push-after-reply':
    'since 7.2 a message that a client sends itself follows the reply to its command; in 7.0 it comes first',
  'client-setinfo': 'CLIENT SETINFO and the fields lib-name and lib-ver came with 7.2',
  'client-no-touch': 'CLIENT NO-TOUCH came with 7.2',
  'hello-noauth': 'the text of 7.2 says "HELLO <proto> AUTH"',
  'timeout-overflow': 'since 7.2 a timeout too large for 64 bits is out of range; in 7.0 it wrapped around',
  'loglevel-nothing': 'loglevel knows "nothing" since 7.2',
} as const

/** The same for the command table: commands that 7.2 added or that are ours, and "name facet" → why it differs from 7.0. */
export const COMMAND_DIFFERENCES: {
  readonly added: Readonly<Record<string, string>>
  readonly changed: Readonly<Record<string, string>>
} = {
  added: {
    'client|setinfo': 'new in 7.2',
    'client|no-touch': 'new in 7.2',
    'cluster|myshardid': 'new in 7.2',
    reload: 'ours',
    selfcheck: 'ours',
  },
  changed: {
    'acl|log history': 'since 7.2 an entry has an id and two timestamps',
    'bitop arguments': 'since 7.2 the operations are named one by one',
    'client|kill arguments': 'since 7.2 the choices of SKIPME are named, and every filter may come once',
    'client|list arguments': 'since 7.2 the client ids follow their keyword without a group around them',
    'config|get arguments': 'since 7.2 the parameters have no group around them',
    'migrate arguments': 'since 7.2 the choice of a key or none is named key-selector, and its empty string',
    'migrate flags': 'ours waits for the other server, which nothing inside a transaction does: no_multi',
    'psubscribe arguments': 'since 7.2 the patterns have no group around them',
    'wait categories': 'since 7.2 it is one of the blocking commands',
    'wait flags': 'since 7.2 it is one of the blocking commands, and a script may call it',
  },
}
