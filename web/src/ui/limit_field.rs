//! The bandwidth limit.

use leptos::prelude::*;

use crate::state::language::Language;
use crate::state::limit::{Limit, Unit};
use crate::state::uploads::Uploads;

/// A number and its unit; empty: no limit.
#[component]
pub fn LimitField() -> impl IntoView {
    let (language, uploads) = (Language::here(), Uploads::here());
    let amount = move || uploads.limit.get().amount.map(|amount| amount.to_string()).unwrap_or_default();
    let change_amount = move |text: String| {
        // What the browser takes for no number comes as no text, and its own mark says so.
        let amount = text.parse().ok().filter(|amount| *amount > 0.0);
        uploads.set_limit(Limit { amount, ..uploads.limit.get_untracked() });
    };
    let change_unit = move |symbol: String| {
        let unit = Unit::ALL.into_iter().find(|unit| unit.symbol() == symbol).unwrap_or_default();
        uploads.set_limit(Limit { unit, ..uploads.limit.get_untracked() });
    };
    let options = Unit::ALL.map(|unit| {
        let selected = move || uploads.limit.get().unit == unit;
        view! { <option value=unit.symbol() selected=selected>{unit.symbol()}</option> }
    });
    view! {
        <div class="limit" role="group" aria-label=language.word(|words| &words.limit_label)>
            <label class="limit-name" for="limit">{language.word(|words| &words.limit)}</label>
            <input
                id="limit"
                class="limit-amount"
                data-testid="limit"
                type="number"
                inputmode="decimal"
                min="0"
                step="any"
                placeholder=language.word(|words| &words.limit_none)
                prop:value=amount
                on:change=move |event| change_amount(event_target_value(&event))
            />
            <select
                class="limit-unit"
                data-testid="limit-unit"
                aria-label=language.word(|words| &words.limit_unit)
                on:change=move |event| change_unit(event_target_value(&event))
            >
                {options}
            </select>
        </div>
    }
}
