//! The frame of the page, and the view that its address asks for in it.

use leptos::prelude::*;

use crate::state::choosing::Choosing;
use crate::state::notices::Notices;
use crate::state::place::{Address, Place};
use crate::ui::footer::Footer;
use crate::ui::hand_over::HandOver;
use crate::ui::header::Header;
use crate::ui::my_files::MyFiles;

/// The whole page.
#[component]
pub fn App() -> impl IntoView {
    let (choosing, notices, address) = (Choosing::here(), Notices::here(), Address::here());
    let place = Memo::new(move |_| address.place.get());
    let shown = move || match place.get() {
        Place::MyFiles => view! { <MyFiles /> },
    };
    view! {
        <div class="page" class:page-hovered=move || choosing.hovered.get()>
            <Header />
            <main class="main">{shown}</main>
            <Footer />
            <HandOver />
            <p class="visually-hidden" role="status" aria-live="polite">{move || notices.said.get()}</p>
        </div>
    }
}
