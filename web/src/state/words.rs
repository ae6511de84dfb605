//! Every word that people see, from the locale files.

use std::collections::BTreeMap;

const ENGLISH: &str = include_str!("../../../static/locales/en.json");
const GERMAN: &str = include_str!("../../../static/locales/de.json");

/// A text that is another one where it speaks of one thing; both languages have these two forms.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Plural {
    one: String,
    other: String,
}

impl Plural {
    /// The form for so many.
    pub fn of(&self, count: u64) -> &str {
        if count == 1 { &self.one } else { &self.other }
    }
}

macro_rules! words {
    ($($name:ident)*; $($plural:ident)*) => {
        /// One language. A field is named like its key; `{gaps}` in a text are filled in by [`fill`].
        #[derive(Debug, Default, Clone, PartialEq, Eq)]
        pub struct Words {
            $(#[doc = concat!("The text `", stringify!($name), "`.")] pub $name: String,)*
            $(#[doc = concat!("The texts `", stringify!($plural), "_one` and `_other`.")] pub $plural: Plural,)*
        }

        impl Words {
            /// Every key.
            #[cfg(test)]
            const KEYS: &'static [&'static str] = &[
                $(stringify!($name),)*
                $(concat!(stringify!($plural), "_one"), concat!(stringify!($plural), "_other"),)*
            ];

            /// Deriving this from serde would be a tenth of the whole page's program.
            fn from_texts(texts: BTreeMap<String, String>) -> Self {
                let mut texts = texts;
                let mut take = |name: &str| texts.remove(name).unwrap_or_default();
                Self {
                    $($name: take(stringify!($name)),)*
                    $($plural: Plural {
                        one: take(concat!(stringify!($plural), "_one")),
                        other: take(concat!(stringify!($plural), "_other")),
                    },)*
                }
            }
        }
    };
}

words! {
    language decimal thousands title tagline drop_title drop_button drop_or drop_lead drop_more drop_now
    not_that_file no_browser unfinished_title unfinished_lead unfinished_stored unfinished_none go_on
    go_on_label discard discard_label rows_title toolbar_label pause_all
    resume_all waiting reading sending verifying done already_here paused offline offline_server offline_full
    needs_file failed changed network problem full full_somehow status keeps_changing lost retry_in of per_second saved
    left_about seconds minutes hours days pause_label resume_label retry_label cancel_label choose
    choose_label progress_label link_label copy copied copy_failed copy_label delete delete_sure
    delete_failed delete_label files_title files_lead no_link safe_any_time safe_now idle
    said_done said_failed said_folder_done title_progress folder_button walking needs_files
    files_failed busy elsewhere elsewhere_row unfinished_lost unfinished_again go_on_all choose_again_label more_files
    hand_over_label hand_over_title hand_over_lead hand_over_secret hand_over_code hand_over_early
    hand_over_broken close limit limit_label limit_none limit_unit limited files_total stranger folder_picked folder_unread without
    without_label not_safe unreachable said_cancelled title_done;
    total_files files_so_far files_all files_lost files_unread folders_empty unfinished_folder unfinished_walk said_progress
}

impl Words {
    /// The words for a reader of that language (`de-AT`); English where there are none.
    pub fn of(language: &str) -> Self {
        let german = language.to_ascii_lowercase().starts_with("de");
        // A test reads both files, so neither fails here.
        Self::from_texts(serde_json::from_str(if german { GERMAN } else { ENGLISH }).unwrap_or_default())
    }
}

/// Puts values into the gaps of a text.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, gap)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = gap.split_once('}') else { break };
        let value = values.iter().find(|(known, _)| *known == name);
        filled.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test(unsupported = test)]
    fn both_languages_have_every_word() {
        for text in [ENGLISH, GERMAN] {
            let texts: BTreeMap<String, String> = serde_json::from_str(text).unwrap();
            let mut keys = Words::KEYS.to_vec();
            keys.sort_unstable();
            assert_eq!(texts.keys().map(String::as_str).collect::<Vec<_>>(), keys);
            assert!(texts.values().all(|text| !text.is_empty()));
        }
        let files = &Words::of("en").files_all;
        assert_eq!((files.of(1), files.of(0), files.of(2)), ("1 file", "{count} files", "{count} files"));
        assert_eq!(Words::of("de-AT").language, "de");
        assert_eq!(Words::of("fr").language, "en");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn fills_gaps_once_and_leaves_values_alone() {
        assert_eq!(fill("{a} of {b}", &[("a", "{b}"), ("b", "2")]), "{b} of 2");
        assert_eq!(fill("plain", &[]), "plain");
    }
}
