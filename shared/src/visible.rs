//! How names are shown: what scripts need stands as it is, what hides, reorders or is blank is spelled out.
//!
//! The ranges are those of Unicode 16: `Default_Ignorable_Code_Point` and the general category `Cf` (UAX 44), and characters with a
//! glyph that has no ink. Joiners are let through where UAX 31 (section 2.3) and UTS 51 (emoji sequences) have a use for them.

use std::fmt::Write as _;

/// The zero-width non-joiner: keeps letters of one word apart.
const NON_JOINER: char = '\u{200C}';
/// The zero-width joiner.
const JOINER: char = '\u{200D}';
/// Ends a flag that is spelled with tags.
const TAG_END: char = '\u{E007F}';

/// Spells out what could hide, reorder or control text on a page or in a terminal, so that `invoice\u{202E}fdp.exe` shows what it is.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    // Of nothing but space nobody sees that it is there.
    let is_blank = text.chars().all(char::is_whitespace);
    let mut rest = text.chars();
    let mut before = Before::default();
    let mut flag = false;
    while let Some(c) = rest.next() {
        flag = if c == '\u{1F3F4}' { is_flag(rest.as_str()) } else { flag && is_tag(c) };
        let next = rest.clone().next();
        if (is_hidden(c) && !is_needed(c, before, next, flag)) || is_blank {
            // Writing to a string can't fail.
            let _ = write!(shown, "\\u{{{:X}}}", u32::from(c));
            before = Before::default();
        } else {
            shown.push(c);
            before = before.and(c);
        }
    }
    shown
}

/// What stands in front of a character.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    /// Directly.
    last: Option<char>,
    /// The letter or sign that marks and selectors in between belong to.
    base: Option<char>,
}

impl Before {
    fn and(self, c: char) -> Self {
        let base = if is_selector(c) || is_modifier(c) || is_virama(c) { self.base } else { Some(c) };
        Self { last: Some(c), base }
    }
}

/// Whether text needs a character that is not seen, where it stands.
fn is_needed(c: char, before: Before, next: Option<char>, is_in_flag: bool) -> bool {
    let Before { last: Some(last), base: Some(base) } = before else { return false };
    match c {
        NON_JOINER | JOINER => {
            let joins = is_cursive(base) && (is_virama(last) || next.is_some_and(is_cursive));
            let is_emoji = c == JOINER && is_pictograph(base) && next.is_some_and(is_pictograph);
            !is_joiner(last) && (joins || is_emoji)
        }
        // One selector for one sign; in ASCII that of a keycap alone.
        _ if is_selector(c) => !is_selector(last) && (!last.is_ascii() || next == Some('\u{20E3}')),
        // Forms of Mongolian letters.
        '\u{180B}'..='\u{180F}' => matches!(last, '\u{1800}'..='\u{18AF}'),
        _ => is_in_flag && is_tag(c),
    }
}

fn is_joiner(c: char) -> bool {
    matches!(c, NON_JOINER | JOINER)
}

/// Not seen, or seen as nothing.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
            | '\u{13430}'..='\u{13455}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// A variation selector.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// A skin tone.
fn is_modifier(c: char) -> bool {
    matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0020}'..='\u{E007F}')
}

/// Whether the tags behind a black flag spell the flag of a part of a country: 3 to 6 of them, and an end (UTS 51, ED-14a).
fn is_flag(rest: &str) -> bool {
    let mut tags = rest.chars();
    let count = tags.by_ref().take_while(|c| is_tag(*c) && *c != TAG_END).count();
    (3..=6).contains(&count) && rest.chars().nth(count) == Some(TAG_END)
}

/// Letters and marks of scripts in which a joiner changes a word.
fn is_cursive(c: char) -> bool {
    matches!(c,
        // Arabic, Syriac, Thaana, N'Ko and their neighbours; then those of India, Tibet, Burma, Cambodia and Mongolia.
        '\u{620}'..='\u{8FF}' | '\u{900}'..='\u{DFF}' | '\u{F00}'..='\u{109F}' | '\u{1780}'..='\u{17D3}'
        | '\u{1820}'..='\u{18AA}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
        | '\u{10AC0}'..='\u{10AFF}' | '\u{10D00}'..='\u{10D3F}' | '\u{11000}'..='\u{11FFF}' | '\u{1E900}'..='\u{1E95F}')
}

/// A sign that takes the vowel off a letter: what is behind it may be formed in several ways, at a word's end too.
fn is_virama(c: char) -> bool {
    let at = u32::from(c);
    // Devanagari to Malayalam have it at the same place of their blocks of 128.
    ((0x900..0xD80).contains(&at) && at % 0x80 == 0x4D)
        || matches!(c, '\u{DCA}' | '\u{1039}' | '\u{103A}' | '\u{17D2}')
}

/// `Extended_Pictographic`, in whole blocks.
fn is_pictograph(c: char) -> bool {
    matches!(c,
        '\u{A9}' | '\u{AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21FF}'
        | '\u{2300}'..='\u{23FF}' | '\u{24C2}' | '\u{25A0}'..='\u{27BF}' | '\u{2900}'..='\u{297F}' | '\u{2B00}'..='\u{2BFF}'
        | '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_need_is_shown_as_it_is() {
        for same in [
            "\u{6a9}\u{62a}\u{627}\u{628}\u{200C}\u{647}\u{627}.pdf", // Persian: books
            "\u{d05}\u{d35}\u{d28}\u{d4d}\u{200D}.txt",               // Malayalam: he, in the older spelling
            "\u{915}\u{94d}\u{200D}\u{937}",                          // Devanagari: a half form
            "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}.png",        // a family
            "\u{1F469}\u{1F3FD}\u{200D}\u{1F4BB}",                    // with a skin tone
            "\u{2764}\u{FE0F}\u{200D}\u{1F525}",                      // a heart on fire
            "1\u{FE0F}\u{20E3}",                                      // a keycap
            "\u{845B}\u{E0100}",                                      // a variant of an ideograph
            "\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}", // the flag of England
            "e\u{301}\u{328}.txt",
            "\u{1820}\u{180B}",
            "Screenshot at 3.04\u{202F}PM.png",
            "\u{3000}\u{6771}\u{4EAC}",
            " a ",
        ] {
            assert_eq!(visible(same), same, "{}", same.escape_unicode());
        }
    }

    #[test]
    fn what_deceives_or_is_blank_is_spelled_out() {
        for (text, shown) in [
            ("invoice\u{202E}fdp.exe", "invoice\\u{202E}fdp.exe"),
            ("a\u{200C}b", "a\\u{200C}b"),
            ("a\u{200D}.txt", "a\\u{200D}.txt"),
            ("\u{200D}\u{628}", "\\u{200D}\u{628}"),
            ("\u{628}\u{200C}\u{200C}\u{628}", "\u{628}\\u{200C}\\u{200C}\u{628}"),
            ("\u{628}\u{200C}.pdf", "\u{628}\\u{200C}.pdf"),
            ("\u{1F600}\u{200D}a", "\u{1F600}\\u{200D}a"),
            ("a\u{61C}b", "a\\u{61C}b"),
            ("\u{3164}", "\\u{3164}"),
            ("a\u{AD}b", "a\\u{AD}b"),
            ("\u{FFF9}a\u{FFFA}b\u{FFFB}", "\\u{FFF9}a\\u{FFFA}b\\u{FFFB}"),
            ("a\u{E0041}\u{E0042}", "a\\u{E0041}\\u{E0042}"),
            ("\u{1F3F4}\u{E0067}", "\u{1F3F4}\\u{E0067}"),
            ("a\u{FE0F}b", "a\\u{FE0F}b"),
            ("\u{2764}\u{FE0F}\u{FE0F}", "\u{2764}\u{FE0F}\\u{FE0F}"),
            ("\u{2800}\u{FFA0}\u{115F}", "\\u{2800}\\u{FFA0}\\u{115F}"),
            ("a\u{1b}[31m\n", "a\\u{1B}[31m\\u{A}"),
            (" \u{3000}", "\\u{20}\\u{3000}"),
        ] {
            assert_eq!(visible(text), shown, "{}", text.escape_unicode());
            assert_eq!(visible(shown), shown, "once is enough");
        }
    }
}
