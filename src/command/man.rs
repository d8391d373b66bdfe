//! `verdigris man`: the man page.

use std::io::Write as _;

use super::output::CliError;

/// The man page of a command, with a section for each subcommand.
///
/// # Errors
/// The page cannot be rendered.
pub fn page(mut command: clap::Command) -> Result<Vec<u8>, CliError> {
    let failed = |error: std::io::Error| CliError::Usage(error.to_string());
    command.build();
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(command.clone());
    page.render(&mut text).map_err(failed)?;
    for subcommand in command.get_subcommands().filter(|it| it.get_name() != "help") {
        writeln!(text, ".SH \"{}\"", subcommand.get_name().to_uppercase()).map_err(failed)?;
        let page = clap_mangen::Man::new(subcommand.clone());
        page.render_synopsis_section(&mut text).map_err(failed)?;
        page.render_description_section(&mut text).map_err(failed)?;
        page.render_options_section(&mut text).map_err(failed)?;
    }
    Ok(text)
}
