//! HTML escaping.

use std::fmt::{self, Write};

/// Where the page is written to.
pub type Out<'a> = &'a mut dyn Write;

/// Text escaped for HTML content and for quoted attribute values.
///
/// ```
/// use verdigris::console::html::Escaped;
/// assert_eq!(Escaped("<b title='x'>").to_string(), "&lt;b title=&#39;x&#39;&gt;");
/// ```
pub struct Escaped<'a>(pub &'a str);

// === impl Escaped ===

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, special)) = rest.char_indices().find(|(_, it)| is_special(*it)) {
            f.write_str(rest.get(..at).unwrap_or_default())?;
            f.write_str(match special {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '"' => "&quot;",
                '\'' => "&#39;",
                // U+0000 is a parse error in HTML.
                _ => "\u{fffd}",
            })?;
            rest = rest.get(at + special.len_utf8()..).unwrap_or_default();
        }
        f.write_str(rest)
    }
}

fn is_special(character: char) -> bool {
    matches!(character, '&' | '<' | '>' | '"' | '\'' | '\0')
}
