//! What is exported of a request.

/// What is exported of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportedContent {
    /// Metadata: version, times, token counts and the like.
    #[default]
    Metadata,
    /// The texts of the request and of its answer, too.
    Full,
}

// === impl ExportedContent ===

impl ExportedContent {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Metadata, Self::Full];

    /// The name that the configuration uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Full => "full",
        }
    }
}
