//! Characters of a text that a reader does not see, or that change what a reader sees.

/// The first character of an operator's text that a reader of the log or of the page would not see, or
/// that would show the text in another order than it has: zero-width and bidirectional controls,
/// fillers, tags. Line breaks and other control characters are not among them.
///
/// Source: Unicode 16, `Default_Ignorable_Code_Point` and `Bidi_Control`, without the two selectors of
/// emoji.
///
/// ```
/// use verdigris::rollout::hidden_character;
/// assert_eq!(hidden_character("green is slow: 3 s ⚠️"), None);
/// assert_eq!(hidden_character("all \u{202e}doog"), Some('\u{202e}'));
/// ```
pub fn hidden_character(text: &str) -> Option<char> {
    text.chars().find(|character| is_hidden(*character))
}

/// Whether a text has a character with ink.
pub(super) fn is_visible(text: &str) -> bool {
    let is_blank = |it: char| {
        it.is_whitespace() || it.is_control() || matches!(it, '\u{2800}' | '\u{fe0e}' | '\u{fe0f}')
    };
    text.chars().any(|it| !is_blank(it) && !is_hidden(it))
}

fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0d}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
