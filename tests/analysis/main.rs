//! The judge: formulas against other packages' numbers, evidence, verdicts.

mod components;
mod contingency;
mod evidence;
mod vectors;
mod verdicts;
