/** Every error text the server sends, once. Handlers throw these; the dispatcher answers with them. */

/**
 * An error that is an answer, not a fault: a code and a text a client is shown. It has no stack (it is a
 * value, often prebuilt), so throwing one costs about a microsecond.
 */
export class ErrorReply {
  /** The whole line without the leading '-': "ERR syntax error". */
  readonly line: string

  constructor(line: string) {
    this.line = line
  }

  /** The first word: "ERR", "WRONGTYPE", …: what INFO errorstats counts by. */
  get code(): string {
    const space = this.line.indexOf(' ')
    return space === -1 ? this.line : this.line.slice(0, space)
  }
}

/** An ERR with a text that has to be made for the occasion. Line breaks in it become spaces, as in Redis. */
export function err(text: string): ErrorReply {
  return new ErrorReply(`ERR ${text.replaceAll(/[\r\n]/g, ' ')}`)
}

/** The refusal of too few or too many arguments, `command` being the name in lower case. */
export function wrongArguments(command: string): ErrorReply {
  return err(`wrong number of arguments for '${command}' command`)
}

/** The same of a subcommand whose declared arity lets them pass. */
export function wrongSubcommandArguments(container: string, given: string): ErrorReply {
  return err(`unknown subcommand or wrong number of arguments for '${given}'. Try ${container} HELP.`)
}

export const WRONG_TYPE: ErrorReply = new ErrorReply(
  'WRONGTYPE Operation against a key holding the wrong kind of value',
)
export const SYNTAX_ERROR: ErrorReply = new ErrorReply('ERR syntax error')
export const NO_SUCH_KEY: ErrorReply = new ErrorReply('ERR no such key')
export const NOT_AN_INTEGER: ErrorReply = new ErrorReply('ERR value is not an integer or out of range')
export const NOT_A_FLOAT: ErrorReply = new ErrorReply('ERR value is not a valid float')
export const INDEX_OUT_OF_RANGE: ErrorReply = new ErrorReply('ERR index out of range')
export const MUST_BE_POSITIVE: ErrorReply = new ErrorReply('ERR value is out of range, must be positive')
export const NOT_AN_INT32: ErrorReply = new ErrorReply(
  'ERR value is out of range, value must between -2147483648 and 2147483647',
)
export const DB_INDEX_OUT_OF_RANGE: ErrorReply = new ErrorReply('ERR DB index is out of range')
export const INVALID_FIRST_DB: ErrorReply = new ErrorReply('ERR invalid first DB index')
export const INVALID_SECOND_DB: ErrorReply = new ErrorReply('ERR invalid second DB index')
export const SAME_OBJECT: ErrorReply = new ErrorReply('ERR source and destination objects are the same')
export const EXPIRE_NX_WITH_OTHERS: ErrorReply = new ErrorReply(
  'ERR NX and XX, GT or LT options at the same time are not compatible',
)
export const EXPIRE_GT_WITH_LT: ErrorReply = new ErrorReply(
  'ERR GT and LT options at the same time are not compatible',
)
export const INVALID_CURSOR: ErrorReply = new ErrorReply('ERR invalid cursor')
export const SCORES_NOT_DOUBLES: ErrorReply = new ErrorReply(
  "ERR One or more scores can't be converted into double",
)
export const NOT_LFU: ErrorReply = new ErrorReply(
  'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
)
export const IS_LFU: ErrorReply = new ErrorReply(
  'ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
)
export const LOADING: ErrorReply = new ErrorReply('LOADING Redis is loading the dataset in memory')
// What this server has no reason to answer by itself, but tests of clients do.
export const READ_ONLY: ErrorReply = new ErrorReply("READONLY You can't write against a read only replica.")
export const MASTER_DOWN: ErrorReply = new ErrorReply(
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
)
export const BUSY: ErrorReply = new ErrorReply(
  'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
)
export const NO_CONFIG_FILE: ErrorReply = new ErrorReply('ERR The server is running without a config file')
export const MISCONF_RDB: ErrorReply = new ErrorReply(
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.",
)
export const OUT_OF_MEMORY: ErrorReply = new ErrorReply(
  "OOM command not allowed when used memory > 'maxmemory'.",
)
export const BUSY_KEY: ErrorReply = new ErrorReply('BUSYKEY Target key name already exists.')
export const WRONG_DUMP: ErrorReply = err('DUMP payload version or checksum are wrong')
export const BAD_DUMP: ErrorReply = err('Bad data format')
export const INVALID_TTL: ErrorReply = err('Invalid TTL value, must be >= 0')
export const INVALID_IDLETIME: ErrorReply = err('Invalid IDLETIME value, must be >= 0')
export const INVALID_FREQ: ErrorReply = err('Invalid FREQ value, must be >= 0 and <= 255')
export const NO_AUTH: ErrorReply = new ErrorReply('NOAUTH Authentication required.')
export const NOT_IN_TRANSACTION: ErrorReply = err('Command not allowed inside a transaction')
export const WRONG_PASS: ErrorReply = new ErrorReply(
  'WRONGPASS invalid username-password pair or user is disabled.',
)
export const STRING_TOO_LONG: ErrorReply = new ErrorReply(
  'ERR string exceeds maximum allowed size (proto-max-bulk-len)',
)
export const OFFSET_OUT_OF_RANGE: ErrorReply = new ErrorReply('ERR offset is out of range')
export const INCR_OVERFLOW: ErrorReply = new ErrorReply('ERR increment or decrement would overflow')
export const INCR_NAN: ErrorReply = new ErrorReply('ERR increment would produce NaN or Infinity')

// Protocol errors: the connection closes after them.
export const BAD_MULTIBULK_LENGTH: ErrorReply = err('Protocol error: invalid multibulk length')
export const BAD_BULK_LENGTH: ErrorReply = err('Protocol error: invalid bulk length')
export const MULTIBULK_LINE_TOO_LONG: ErrorReply = err('Protocol error: too big mbulk count string')
export const BULK_LINE_TOO_LONG: ErrorReply = err('Protocol error: too big bulk count string')
export const INLINE_TOO_LONG: ErrorReply = err('Protocol error: too big inline request')
export const UNBALANCED_QUOTES: ErrorReply = err('Protocol error: unbalanced quotes in request')
export const UNAUTHENTICATED_MULTIBULK: ErrorReply = err('Protocol error: unauthenticated multibulk length')
export const UNAUTHENTICATED_BULK: ErrorReply = err('Protocol error: unauthenticated bulk length')

export const TOO_MANY_CLIENTS: ErrorReply = err('max number of clients reached')
export const NO_PASSWORD_SET: ErrorReply = new ErrorReply(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
)
export const INVALID_CLIENT_NAME: ErrorReply = new ErrorReply(
  'ERR Client names cannot contain spaces, newlines or special characters.',
)
export const PROTECTED_MODE: ErrorReply = new ErrorReply(
  'DENIED Redis is running in protected mode because protected mode is enabled and no password is set for ' +
    'the default user. In this mode connections are only accepted from the loopback interface. If you want ' +
    'to connect from external computers to Redis you may adopt one of the following solutions: 1) Just ' +
    "disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface " +
    'by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not ' +
    'publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) ' +
    'Alternatively you can just disable the protected mode by editing the Redis configuration file, and ' +
    "setting the protected mode option to 'no', and then restarting the server. 3) If you started the " +
    "server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an " +
    'authentication password for the default user. NOTE: You only need to do one of the above things in ' +
    'order for the server to start accepting connections from the outside.',
)
export const DEBUG_NOT_ALLOWED: ErrorReply = err(
  'DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
)
