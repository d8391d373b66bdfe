//! Signs in a text that its model or its server is broken.

use verdigris::response::text_signals::TextSignals;

/// Whether the text, in pieces of this many bytes, has tool syntax and a loop.
fn signals(text: &str, piece: usize) -> (bool, bool) {
    let mut signals = TextSignals::default();
    text.as_bytes().chunks(piece).for_each(|piece| signals.push(piece));
    (signals.has_tool_syntax(), signals.has_loop())
}

#[test]
fn tool_calls_in_a_text_are_found() {
    let table = [
        ("<tool_call>{\"name\": \"f\"}</tool_call>", true),
        ("Let me see. <function_calls>\n<invoke name=\"f\">", true),
        ("<function=f>{}", true),
        ("[TOOL_CALLS][{\"name\": \"f\"}]", true),
        ("<\u{ff5c}tool\u{2581}calls\u{2581}begin\u{ff5c}>", true),
        ("<<tool_call>", true),
        ("[[TOOL_CALLS]", true),
        ("a < b, and <tool>", false),
        ("[1] is a note, <b>bold</b>", false),
        ("tool_call", false),
        ("", false),
    ];
    for (text, expected) in table {
        for piece in [1, 2, 1000] {
            assert_eq!(signals(text, piece).0, expected, "{text:?} {piece}");
        }
    }
}

#[test]
fn loops_are_found() {
    let sentence = "I will check the roof and the gutter of the house once more. ";
    let lines = "First, I look at the copper roof\nThen I look at the green gutter\n";
    let table = [
        ("a sentence", sentence.repeat(12), true),
        ("two lines", lines.repeat(12), true),
        ("a loop after other text", format!("Hello there, friend.\n{}", sentence.repeat(12)), true),
        ("a few repetitions", sentence.repeat(4), false),
        ("a short line", "yes, it is\n".repeat(12), false),
        ("rows of a table", "| --- |\n".repeat(200), false),
        ("numbered lines", (0..200).map(|n| format!("Line number {n} of it\n")).collect(), false),
        ("nothing", String::new(), false),
    ];
    for (name, text, expected) in table {
        // The beginning of a text is not searched.
        let begin = (0..120).map(|n| format!("This is line {n}.\n")).collect::<String>();
        let long = begin + &text;
        for piece in [1, 7, 10_000] {
            assert_eq!(signals(&long, piece).1, expected, "{name} {piece}");
            assert!(!signals(&text[..text.len().min(2000)], piece).1, "{name} {piece}");
        }
    }
}
