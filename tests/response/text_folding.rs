//! The form in which two writings of the same words are equal.

use verdigris::response::opening::Openings;
use verdigris::response::text_folding::TextFolder;

fn folded(text: &str) -> String {
    let (mut folder, mut folded) = (TextFolder::default(), String::new());
    text.bytes().for_each(|byte| folder.feed(byte, &mut |character| folded.push(character)));
    folded
}

#[test]
fn writings_of_the_same_words_are_equal() {
    let table = [
        (
            "i'm sorry",
            &["I'm SORRY", "I\u{2019}m sorry", "**I\u{2bc}m** _sorry_", "\n\n\t I'm  sorry"][..],
        ),
        (
            "i'm sorry",
            &["# I'm sorry", "> - \"I'm sorry", "<p class=\"a\">I'm sorry", "🙂 I'm sorry"],
        ),
        ("i'm sorry", &["\u{feff}I\u{200b}'m\u{a0}sorry"]),
        ("извините", &["ИЗВИНИТЕ", "Извините", "«Извините"]),
        ("οδοσ", &["ΟΔΟΣ", "οδος"]),
        ("strasse", &["STRASSE", "straße", "STRAẞE"]),
        ("no - really", &["No \u{2014} really", "no \u{2013} really"]),
        (
            "no",
            &[
                "<think>yes</think>no",
                "<THINK>\n</thinking></think>\n\nno",
                "<reasoning>I'm sorry</reasoning> no",
            ],
        ),
        ("no", &["< no", "<b><i>no"]),
        ("申し訳", &["申し訳", "「申し訳"]),
        ("lo siento", &["¡Lo siento"]),
        ("", &["", "...", "<think>yes", "**"]),
    ];
    for (expected, texts) in table {
        for text in texts {
            assert_eq!(folded(text), expected, "{text:?}");
        }
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_replaced() {
    let (mut folder, mut folded) = (TextFolder::default(), String::new());
    for byte in b"a\xffb\xc3" {
        folder.feed(*byte, &mut |character| folded.push(character));
    }
    assert_eq!(folded, "a\u{fffd}b");
}

/// The texts of the openings after these calls.
fn openings(calls: impl FnOnce(&mut Openings)) -> Vec<String> {
    let mut openings = Openings::new(20);
    calls(&mut openings);
    openings.end_choice();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    openings.iter().map(|opening| text(opening.bytes())).collect()
}

#[test]
fn texts_belong_to_their_choices_whenever_the_index_comes() {
    for is_index_first in [true, false] {
        let texts = openings(|openings| {
            for (index, text) in [(0, "one "), (1, "two "), (0, "more"), (1, "again")] {
                openings.begin_choice(0);
                if is_index_first {
                    openings.place_choice(index);
                    openings.push(text.as_bytes());
                } else {
                    openings.push(text.as_bytes());
                    openings.place_choice(index);
                }
                openings.end_choice();
            }
        });
        assert_eq!(texts, ["one more", "two again"], "{is_index_first}");
    }
}

#[test]
fn a_dropped_part_leaves_nothing() {
    for is_mark_first in [true, false] {
        for is_placed in [true, false] {
            let texts = openings(|openings| {
                openings.begin_choice(0);
                if is_placed {
                    openings.place_choice(0);
                }
                for (text, is_other) in [("a ", false), ("thought ", true), ("b", false)] {
                    openings.begin_part();
                    if is_other && is_mark_first {
                        openings.drop_part();
                    }
                    openings.push(text.as_bytes());
                    if is_other {
                        openings.drop_part();
                    }
                }
            });
            assert_eq!(texts, ["a b"], "{is_mark_first} {is_placed}");
        }
    }
}

#[test]
fn a_long_text_without_an_index_is_placed_by_its_place() {
    let texts = openings(|openings| {
        openings.begin_choice(1);
        openings.push(&[b' '; 300]);
        openings.push(b"text");
        openings.place_choice(0);
    });
    assert_eq!(texts, ["", "text"]);
}

#[test]
fn nothing_is_kept_without_phrases() {
    let mut openings = Openings::new(0);
    openings.begin_choice(3);
    openings.push(b"text");
    openings.end_choice();
    assert_eq!(openings.iter().count(), 0);
}
