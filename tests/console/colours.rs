//! Contrast of the page's colours in both modes.

use std::collections::HashMap;

use verdigris::console::page::STYLE;

/// Foreground, background, and the minimum contrast of WCAG 2.2: 4.5 for text (1.4.3), 3 for
/// graphics (1.4.11).
const PAIRS: [(&str, &str, f64); 24] = [
    ("ink", "back", 4.5),
    ("ink", "card", 4.5),
    ("soft", "back", 4.5),
    ("soft", "card", 4.5),
    ("good", "good-back", 4.5),
    ("good", "card", 4.5),
    ("good", "back", 3.0),
    ("bad", "bad-back", 4.5),
    ("bad", "card", 4.5),
    ("card", "bad", 4.5),
    ("asks", "asks-back", 4.5),
    ("waits", "waits-back", 4.5),
    ("unknown", "unknown-back", 4.5),
    ("ink", "good-back", 4.5),
    ("ink", "bad-back", 4.5),
    ("ink", "asks-back", 4.5),
    ("ink", "waits-back", 4.5),
    ("ink", "unknown-back", 4.5),
    ("soft", "bad-back", 4.5),
    ("blue", "card", 3.0),
    ("green", "card", 3.0),
    ("ink", "safe", 3.0),
    ("ink", "worse", 3.0),
    ("focus", "back", 3.0),
];

/// The colours of the light and the dark mode.
fn colours() -> [HashMap<&'static str, [f64; 3]>; 2] {
    let mut roots = STYLE.split(":root{").skip(1).map(|rest| {
        let declared = rest.split_once('}').unwrap().0.split(';');
        let colours = declared.filter_map(|it| it.trim().strip_prefix("--")?.split_once(":#"));
        colours.map(|(name, hex)| (name, channels(hex))).collect()
    });
    [roots.next().unwrap(), roots.next().unwrap()]
}

fn channels(hex: &str) -> [f64; 3] {
    let wide: String = match hex.len() {
        3 => hex.chars().flat_map(|it| [it, it]).collect(),
        _ => hex.into(),
    };
    [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&wide[at..at + 2], 16).unwrap()) / 255.0)
}

/// WCAG 2.2, "relative luminance".
fn luminance(channels: [f64; 3]) -> f64 {
    let [red, green, blue] = channels.map(|it| match it {
        it if it <= 0.04045 => it / 12.92,
        it => ((it + 0.055) / 1.055).powf(2.4),
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[test]
fn contrast_is_sufficient_in_both_modes() {
    for (mode, colours) in ["light", "dark"].iter().zip(colours()) {
        for (foreground, background, minimum) in PAIRS {
            let [one, other] = [foreground, background].map(|name| luminance(colours[name]));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(contrast >= minimum, "{mode}: {foreground} on {background} is {contrast:.2}");
        }
    }
}
