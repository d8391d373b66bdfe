//! The judge: formulas against other packages' numbers, evidence, verdicts.

mod evidence;
mod parts;
mod two_by_two;
mod vectors;
mod verdicts;
