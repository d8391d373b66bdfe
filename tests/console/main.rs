//! The operator's page: what it says, that no text breaks out of it, and that a person
//! can steer with it, in a real browser.

mod browser;
mod colours;
mod first_line;
mod fixtures;
mod markup;
mod picture;
mod steering;
mod stub;
