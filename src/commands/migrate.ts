/** MIGRATE: keys to another server. How they get there is the engine's migration. */
import type { Client } from '../engine/client.ts'
import { type Family, family } from '../engine/command.ts'
import { type KeyReference, type KeySpec, keyAt } from '../engine/key-specs.ts'
import { Arguments } from '../protocol/arguments.ts'
import { err, SYNTAX_ERROR } from '../protocol/error-replies.ts'

const DEFAULT_TIMEOUT = 1000n
/** Longer than any timer runs. */
const TIMEOUT_MAX = 2n ** 31n - 1n

interface MigrateOptions {
  copy: boolean
  replace: boolean
  /** Indexes of what follows AUTH or AUTH2. */
  credentials: number[]
  firstKey: number
  lastKey: number
}

/** Throws SYNTAX_ERROR, or the refusal of a key named twice. */
function readOptions(args: Arguments): MigrateOptions {
  const options: MigrateOptions = { copy: false, replace: false, credentials: [], firstKey: 3, lastKey: 3 }
  for (let i = 6; i < args.count; i++) {
    const more = args.count - 1 - i
    if (args.is(i, 'COPY')) options.copy = true
    else if (args.is(i, 'REPLACE')) options.replace = true
    else if (args.is(i, 'AUTH') && more >= 1) options.credentials = [++i]
    else if (args.is(i, 'AUTH2') && more >= 2) options.credentials = [++i, ++i]
    else if (args.is(i, 'KEYS')) {
      if (args.lengths[3] > 0) {
        throw err('When using MIGRATE KEYS option, the key argument must be set to the empty string')
      }
      options.firstKey = i + 1
      options.lastKey = args.count - 1
      break
    } else throw SYNTAX_ERROR
  }
  return options
}

function migrate(client: Client, args: Arguments): void {
  const options = readOptions(args)
  const given = args.int64(5)
  const timeout = given <= 0n ? DEFAULT_TIMEOUT : given
  const database = args.int64(4)
  const keys: number[] = []
  for (let key = options.firstKey; key <= options.lastKey; key++) {
    if (client.db.read(args, key) !== null) keys.push(key)
  }
  if (keys.length === 0) {
    client.reply.simple('NOKEY')
    return
  }
  const port = Number.parseInt(args.text(2), 10)
  client.engine.migrations.start(client, Arguments.copyOf(args), {
    host: args.text(1),
    port: Number.isNaN(port) ? 0 : port,
    database,
    timeout: Number(timeout > TIMEOUT_MAX ? TIMEOUT_MAX : timeout),
    copy: options.copy,
    replace: options.replace,
    credentials: options.credentials.map((index) => args.copy(index)),
    keys,
  })
}

/** Redis's own rule: the keys behind KEYS if argument 3 is empty, else that one. */
function migratedKeys(args: Arguments): KeyReference[] {
  const { flags } = NAMED_KEY
  let keys = [{ index: 3, flags }]
  if (args.count > 6) {
    for (let i = 6; i < args.count; i++) {
      if (args.is(i, 'KEYS') && args.lengths[3] === 0) {
        keys = Array.from({ length: args.count - i - 1 }, (_, j) => ({ index: i + 1 + j, flags }))
        break
      }
      if (args.is(i, 'AUTH')) i++
      else if (args.is(i, 'AUTH2')) i += 2
    }
  }
  return keys
}

const NAMED_KEY: KeySpec = keyAt(3, 'RW', 'access', 'delete')
const LISTED_KEYS: KeySpec = {
  begin: { type: 'keyword', keyword: 'KEYS', startFrom: -2 },
  find: { type: 'range', last: -1, step: 1, limit: 0 },
  flags: ['RW', 'access', 'delete', 'incomplete'],
  incomplete: true,
}

/** What follows AUTH and AUTH2, wherever they stand: a request that is refused is shown as well. */
export function migrateSecrets(args: Arguments): number[] {
  const secrets: number[] = []
  for (let i = 6; i < args.count; i++) {
    if (args.is(i, 'AUTH')) secrets.push(++i)
    else if (args.is(i, 'AUTH2')) secrets.push(++i, ++i)
  }
  return secrets
}

export const migrateCommands: Family = family('generic', {
  MIGRATE: {
    summary: 'Atomically transfers a key from one Redis instance to another.',
    since: '2.6.0',
    complexity:
      'This command actually executes a DUMP+DEL in the source instance, and a RESTORE in the target instance. See the pages of these commands for time complexity. Also an O(N) data transfer between the two instances is performed.',
    syntax:
      'host port <key | ""> destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username password] [KEYS key [key ...]]',
    // Redis has it inside transactions too; here it waits for another server, which nothing inside one does.
    flags: ['write', 'no_multi'],
    categories: ['keyspace', 'dangerous'],
    tips: ['nondeterministic_output'],
    keys: [NAMED_KEY, LISTED_KEYS],
    findKeys: migratedKeys,
    secrets: migrateSecrets,
    history: [
      ['3.0.0', 'Added the `COPY` and `REPLACE` options.'],
      ['3.0.6', 'Added the `KEYS` option.'],
      ['4.0.7', 'Added the `AUTH` option.'],
      ['6.0.0', 'Added the `AUTH2` option.'],
    ],
    run: migrate,
  },
})
