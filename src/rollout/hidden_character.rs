//! Characters of a text that a reader does not see, or that change what a reader sees.

/// The first character of an operator's text that a reader of the log or of the page would not see, or
/// that would show the text in another order than it has: zero-width and bidirectional controls,
/// fillers, tags, characters without a meaning, selectors of emoji at other characters, and marks
/// on top of others. Line breaks and other control characters are not among them.
///
/// Source: Unicode 16, `Default_Ignorable_Code_Point`, `Bidi_Control`, `Noncharacter_Code_Point` and
/// `Private_Use`, the format characters and fillers without ink beside them, and
/// `emoji-variation-sequences.txt`.
///
/// ```
/// use verdigris::rollout::hidden_character;
/// assert_eq!(hidden_character("green is slow: 3 s ⚠️"), None);
/// assert_eq!(hidden_character("all \u{202e}doog"), Some('\u{202e}'));
/// assert_eq!(hidden_character("slow\u{fe0f}"), Some('\u{fe0f}'));
/// ```
pub fn hidden_character(text: &str) -> Option<char> {
    let mut before = ' ';
    let mut marks = 0;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        marks = if is_mark(character) { marks + 1 } else { 0 };
        let is_misplaced = is_emoji_selector(character)
            && !(is_emoji(before)
                || is_keycap(before) && characters.peek() == Some(&COMBINING_KEYCAP));
        if is_misplaced || is_hidden(character) || marks > MAX_MARKS {
            return Some(character);
        }
        before = character;
    }
    None
}

/// A text with escapes in the place of what would not be seen in a line, line breaks among it.
///
/// ```
/// use verdigris::rollout::escape_unseen;
/// assert_eq!(escape_unseen("a\nb\u{202e}"), "a\\u{a}b\\u{202e}");
/// ```
pub fn escape_unseen(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match is_unseen(character) {
            true => escaped.extend(character.escape_unicode()),
            false => escaped.push(character),
        }
    }
    escaped
}

/// A text for the log: later lines are indented, and what would not be seen is escaped. So no text of
/// others, such as a store's reason for a failure, looks like a line of Envoy's.
///
/// ```
/// use verdigris::rollout::log_lines;
/// assert_eq!(log_lines("no: a\nb\r\u{202e}c"), "no: a\n  b\\u{d}\\u{202e}c");
/// ```
pub fn log_lines(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(escape_unseen).collect();
    lines.join("\n  ")
}

/// How many marks a character may have: more of them cover other text.
const MAX_MARKS: usize = 4;

/// What makes a key of `#`, `*` or a digit, and the selector after it.
const COMBINING_KEYCAP: char = '\u{20e3}';

/// Whether a text has a character with ink, other than marks on another character.
pub(super) fn is_visible(text: &str) -> bool {
    let is_blank =
        |it: char| it.is_whitespace() || it == '\u{2800}' || is_emoji_selector(it) || is_mark(it);
    text.chars().any(|it| !is_blank(it) && !is_unseen(it))
}

/// Whether a character would not be seen in a line whatever stands before it: a control character, or a
/// hidden one.
pub fn is_unseen(character: char) -> bool {
    character.is_control() || is_hidden(character)
}

/// Whether a character is hidden whatever stands before it.
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
            | '\u{2d7f}'
            | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{fdd0}'..='\u{fdef}'
            | '\u{fe00}'..='\u{fe0d}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffc}'
            | '\u{1107f}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{16fe4}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d159}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{10ffff}'
    ) || u32::from(character) & 0xfffe == 0xfffe
}

/// Whether it selects how the emoji before it is shown.
fn is_emoji_selector(character: char) -> bool {
    matches!(character, '\u{fe0e}' | '\u{fe0f}')
}

/// Whether it may be an emoji, in one of the blocks that have some.
fn is_emoji(character: char) -> bool {
    matches!(
        character,
        '\u{a9}'
            | '\u{ae}'
            | '\u{203c}'..='\u{2bff}'
            | '\u{3030}'
            | '\u{303d}'
            | '\u{3297}'
            | '\u{3299}'
            | '\u{1f004}'..='\u{1faff}'
    )
}

fn is_keycap(character: char) -> bool {
    matches!(character, '#' | '*' | '0'..='9')
}

/// Whether it is a mark of a block that has marks for any script.
fn is_mark(character: char) -> bool {
    matches!(
        character,
        '\u{300}'..='\u{36f}'
            | '\u{483}'..='\u{489}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}
