//! How often feedback of one unit counts.

/// Limits how much feedback of one unit counts in a minute.
///
/// The size is fixed, and no unit can displace another: a unit has one cell in each of four tables,
/// which it may share with others, and its count is the smallest of the four. So a unit is never
/// limited too late. It is limited too early only where all four of its cells are shared: with 3,000
/// other units in the same minute, about one unit in a thousand.
///
/// Source: the count-min sketch with conservative updates. Cormode and Muthukrishnan, *An improved data
/// stream summary*, 2005; Estan and Varghese, *New directions in traffic measurement*, 2002.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    max_per_minute: u32,
    minute: u64,
    /// Empty before the first event.
    tables: Box<[[u32; CELLS]]>,
}

/// A table has so many cells.
const CELLS: usize = 1 << INDEX_BITS;

/// How many bits of a unit's hash choose its cell in a table. The four tables use 56 of 64 bits, each table
/// other ones.
const INDEX_BITS: u32 = 14;

const TABLES: usize = 4;

const MINUTE_NS: u64 = 60_000_000_000;

// === impl RateLimiter ===

impl RateLimiter {
    /// A limiter that allows each unit `max_per_minute` events a minute.
    pub fn new(max_per_minute: u32) -> Self {
        Self { max_per_minute, minute: 0, tables: Box::default() }
    }

    /// The number of events that each unit may have in a minute.
    pub fn max_per_minute(&self) -> u32 {
        self.max_per_minute
    }

    /// Counts an event of the unit with this hash, and returns whether it is within the limit. The hash
    /// must be one that clients cannot compute. `now_ns` is in nanoseconds of a monotonic clock.
    pub fn allow(&mut self, unit: u64, now_ns: u64) -> bool {
        if self.tables.is_empty() {
            self.tables = vec![[0; CELLS]; TABLES].into();
        }
        let minute = now_ns / MINUTE_NS;
        if self.minute != minute {
            self.minute = minute;
            self.tables.iter_mut().for_each(|table| table.fill(0));
        }
        let cells = || {
            let indices = (0..u64::BITS).step_by(u64::BITS as usize / TABLES);
            indices.map(move |bits| (unit.rotate_right(bits) % CELLS as u64) as usize)
        };
        let counts = self.tables.iter().zip(cells());
        let count = counts.filter_map(|(table, cell)| table.get(cell)).min().copied();
        let count = count.unwrap_or_default().saturating_add(1);
        for (table, cell) in self.tables.iter_mut().zip(cells()) {
            if let Some(cell) = table.get_mut(cell) {
                *cell = count.max(*cell);
            }
        }
        count <= self.max_per_minute
    }
}
