// What the API answers. Moments are ISO 8601 in UTC, money is US dollars; null is what nobody told us.

/** @typedef {{dag_id: string, run_id: string, task_id: string, map_index: number}} Owner */

/**
 * @typedef {object} Job
 * @property {string} id
 * @property {string} name
 * @property {string} title the name without the provider's mark
 * @property {string} status
 * @property {number} total
 * @property {number} completed
 * @property {number} failed
 * @property {string|null} phase the one under way now
 * @property {number|null} cost
 * @property {number|null} tokens
 * @property {number|null} in_doubt
 * @property {number|null} rate items a second
 * @property {number|null} seconds_left
 * @property {string|null} created_at
 * @property {string|null} started_at
 * @property {string|null} updated_at
 * @property {string|null} ended_at
 * @property {string|null} error
 * @property {Owner|null} owner
 * @property {Action[]} actions what is possible now and allowed to this user
 */

/** @typedef {"pause"|"resume"|"cancel"} Action */
/** @typedef {{dialect: string|null, version: string|null, mode: string|null, address: string|null}} Engine */
/** @typedef {{connection_id: string, description: string|null, may_change: boolean}} Connection */

/**
 * @typedef {object} JobList
 * @property {string} connection_id
 * @property {string} now
 * @property {number|null} total
 * @property {number} offset
 * @property {number} limit
 * @property {Job[]} jobs
 * @property {Engine} engine
 */

/**
 * @typedef {object} Phase
 * @property {string} name
 * @property {number} done
 * @property {number|null} cost
 * @property {number|null} tokens
 * @property {number|null} mean_ms
 * @property {number|null} p50_ms
 * @property {number|null} p95_ms
 */

/** @typedef {{at: string, completed: number, failed: number, cost: number|null}} Point */
/** @typedef {{index: number, phase: string|null, reason: string|null}} Failure */

/**
 * @typedef {object} JobPage
 * @property {string} connection_id
 * @property {string} now
 * @property {Job} job
 * @property {Phase[]} phases
 * @property {Point[]} points
 * @property {"start"|"first look"} points_since
 * @property {Object<string, number>} states
 * @property {Failure[]} failures
 * @property {Engine} engine
 */

/**
 * @typedef {object} Row
 * @property {number} index
 * @property {string} status
 * @property {string|null} input
 * @property {string|null} output
 * @property {Object<string, string>} outputs by phase
 * @property {{phase: string|null, reason: string}[]} errors
 * @property {number|null} cost
 * @property {number|null} duration_ms
 */

/** @typedef {{total: number|null, offset: number, limit: number, rows: Row[]}} Rows */

/**
 * @typedef {object} Result
 * @property {string|null} path
 * @property {string|null} outcome
 * @property {number|null} items
 * @property {Object<string, number>|null} counts
 * @property {number|null} cost
 * @property {string|null} manifest
 */

/**
 * @typedef {object} TaskPage
 * @property {string} dag_id
 * @property {string} run_id
 * @property {string} task_id
 * @property {number} map_index
 * @property {string|null} state
 * @property {string|null} connection_id
 * @property {Job[]} jobs
 * @property {number} more
 * @property {Result|null} result
 */

export {};
