/**
 * The conditions under which a command may not run now. Each is one bit, up while the condition holds for
 * the server (engine.gates) or for one client (client.gates); with none up, dispatch tests one number.
 */

/** The client has not authenticated, and the default user needs a password. */
export const GATE_AUTH: number = 1 << 0
/** CLIENT PAUSE is in force. */
export const GATE_PAUSE: number = 1 << 1
/** CLIENT NO-TOUCH: the client's reads leave the access clock alone. */
export const GATE_NO_TOUCH: number = 1 << 2
/** CLIENT REPLY is OFF or SKIP. */
export const GATE_REPLY: number = 1 << 3
/** The client is in MULTI: its commands are queued. */
export const GATE_MULTI: number = 1 << 6
/** The client subscribes to something and speaks RESP2, in which it may do little else meanwhile. */
export const GATE_SUBSCRIBED: number = 1 << 4
/** The client may be sent pushes by its own command: they have to wait for the command's reply. */
export const GATE_PUSHES: number = 1 << 5
/** CLIENT TRACKING is on. */
export const GATE_TRACKING: number = 1 << 7
/** Another client has its invalidations sent here. */
export const GATE_REDIRECTED: number = 1 << 8
/** More keys are tracked than tracking-table-max-keys: some are forgotten before each command. */
export const GATE_TRACKING_FULL: number = 1 << 9
/** Somebody sees the commands that run (MONITOR). */
export const GATE_MONITORED: number = 1 << 10
/** The client is one who sees them: as a replica does, it keeps off the keyspace. */
export const GATE_MONITORING: number = 1 << 11
/** maxmemory is set: above it keys are evicted before a command, or the command is refused. */
export const GATE_MEMORY: number = 1 << 12
/** The dataset is being loaded: only commands with the flag 'loading' run. */
export const GATE_LOADING: number = 1 << 13
/** The dataset or its append-only file can't be written: commands that change it are refused. */
export const GATE_DISK: number = 1 << 16
/** Faults are set, or what they did to this client's replies goes on. */
export const GATE_FAULTS: number = 1 << 17
/** Some keys are guarded (KeyGuard): commands that may touch them wait. */
export const GATE_GUARD: number = 1 << 14
/** The client's user may not do everything (ACL). */
export const GATE_ACL: number = 1 << 15
/** Messages wait to be given to those they are for (Pushes.gather). */
export const GATE_GATHERED: number = 1 << 18
