//! Optional sections of the configuration.

/// An optional section: `None` if it is absent, `Some(None)` if it is invalid.
pub(super) type Section<T> = Option<Option<T>>;

/// The section as the valid configuration has it; `None` if it is invalid.
pub(super) fn valid<T>(section: Section<T>) -> Option<Option<T>> {
    section.map_or(Some(None), |valid| valid.map(Some))
}
