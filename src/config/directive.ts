/**
 * The form of one row in the directive tables, and the JavaScript type each kind of row's value has. It holds
 * no directive itself (see the *-directives.ts files) and parses nothing (see directive-values.ts).
 */

/**
 * Whether a directive does something here. A 'not-supported' one is accepted only at a value that asks for
 * nothing (its default, or one listed in `idle`) and refused by name at any other.
 */
export type Support = 'supported' | 'not-supported'

interface Row {
  /** The default, written as in redis.conf. */
  readonly default: string
  readonly support: Support
  /** Another name for the same directive. */
  readonly alias?: string
  /** Can be set only in the configuration file or on the command line. */
  readonly fixed?: true
  /** CONFIG SET also needs enable-protected-configs. */
  readonly guarded?: true
  /** CONFIG GET shows it only when asked by its full name. */
  readonly hidden?: true
  /** Texts beside the default at which a directive that is not supported asks for nothing. */
  readonly idle?: readonly string[]
}

/** The upper limits of Redis's C types that rows name instead of spelling. */
export type Limit = number | 'uint' | 'long' | 'ulong'

interface PlainRow extends Row {
  readonly type:
    | 'boolean'
    | 'string'
    | 'file-name'
    | 'directory'
    | 'title-template'
    | 'event-classes'
    | 'addresses'
    | 'host-and-port'
    | 'save-points'
    | 'buffer-limits'
    | 'percentiles'
    | 'oom-scores'
}

interface NumberRow extends Row {
  /** 'memory' takes units, 'memory-or-percent' also a percentage (kept as a negative number). */
  readonly type: 'integer' | 'octal' | 'memory' | 'memory-or-percent'
  /** Lower limit; 0 where absent. */
  readonly min?: number
  /** Upper limit; a C int's for an integer and a C long's for memory where absent. */
  readonly max?: Limit
  /** Accepted values outside this range are moved to its nearer end. */
  readonly clamp?: readonly [number, number]
}

interface ChoiceRow extends Row {
  /** 'enum' is one of `values`, 'flags' is one or more of them. */
  readonly type: 'enum' | 'flags'
  readonly values: readonly string[]
}

export type Directive = PlainRow | NumberRow | ChoiceRow

/** One `save` pair: a snapshot is due after `seconds` with at least `changes` changes. */
export interface SavePoint {
  readonly seconds: number
  readonly changes: number
}

/** When a client of one class is dropped for the output it has not read; 0 is no limit. */
export interface BufferLimit {
  readonly hardBytes: number
  readonly softBytes: number
  readonly softSeconds: number
}

export interface BufferLimits {
  readonly normal: BufferLimit
  readonly replica: BufferLimit
  readonly pubsub: BufferLimit
}

/** The value type of a row. */
export type ValueOf<R> = R extends { readonly type: 'boolean' }
  ? boolean
  : R extends { readonly type: NumberRow['type'] }
    ? number
    : R extends { readonly type: 'enum'; readonly values: readonly (infer V)[] }
      ? V
      : R extends { readonly type: 'flags'; readonly values: readonly (infer V)[] }
        ? readonly V[]
        : R extends { readonly type: 'addresses' | 'host-and-port' }
          ? readonly string[]
          : R extends { readonly type: 'save-points' }
            ? readonly SavePoint[]
            : R extends { readonly type: 'buffer-limits' }
              ? BufferLimits
              : R extends { readonly type: 'percentiles' | 'oom-scores' }
                ? readonly number[]
                : string
