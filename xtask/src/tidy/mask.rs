//! Blanks out comments and strings, so that rules see only code.

/// The same text with every character of a comment, a string or a character literal turned into a space. Line
/// ends stay.
pub(super) fn code_only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = at + skipped(&chars[at..], at.checked_sub(1).map(|before| chars[before]));
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// How many characters from here on are a comment, a string or a character; 0 where code stands.
fn skipped(rest: &[char], before: Option<char>) -> usize {
    let second = rest.get(1).copied();
    match rest[0] {
        '/' if second == Some('/') => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        '/' if second == Some('*') => block_comment(rest),
        '"' => quoted(rest),
        'r' if !before.is_some_and(is_word) => raw_string(rest),
        'b' if !before.is_some_and(is_word) && second == Some('r') => match raw_string(&rest[1..]) {
            0 => 0,
            length => length + 1,
        },
        '\'' => character(rest),
        _ => 0,
    }
}

/// Whether a character can be part of a name.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn quoted(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `r"..."`, `r#"..."#`; 0 for a raw name like `r#type` and for any other `r`.
fn raw_string(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let mut at = 2 + hashes;
    while at < rest.len() {
        if rest[at] == '"' && rest[at + 1..].iter().take_while(|c| **c == '#').count() >= hashes {
            return at + 1 + hashes;
        }
        at += 1;
    }
    rest.len()
}

/// `'x'`, `'\n'`, `'\u{1F600}'`; 0 for a lifetime.
fn character(rest: &[char]) -> usize {
    if rest.get(1) == Some(&'\\') {
        // The character after the backslash may be a quote itself.
        return rest.iter().skip(3).position(|c| *c == '\'').map_or(0, |at| at + 4);
    }
    if rest.get(2) == Some(&'\'') { 3 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let code = code_only(text);
        assert_eq!(code.lines().count(), text.lines().count());
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_strings_are_no_code() {
        assert_eq!(words("a // b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(words(r#"let a = "b \" c"; d"#), "let a = ; d");
        assert_eq!(words(r##"let a = r#"b " c"#; br"d" e"##), "let a = ; e");
        assert_eq!(words("\"two\nlines\" end"), "end");
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        assert_eq!(words(r#"if c == '"' { a } else { '\'' }"#), "if c == { a } else { }");
        assert_eq!(words("fn a<'a>(b: &'a str) -> &'static str"), "fn a<'a>(b: &'a str) -> &'static str");
        assert_eq!(words(r"'\u{1F600}' r#type r"), "r#type r");
    }
}
