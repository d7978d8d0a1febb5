/** `protected-sites completion`: completes commands and their options in bash, zsh and fish. */
import { Argument, type Command } from "commander";

import { commandNames, load } from "./all.ts";
import { action, named } from "./command.ts";

/** A command's name, and its options. */
type Words = readonly (readonly [name: string, options: readonly string[]])[];

const scripts = {
  bash: (words: Words) => `_protected_sites() {
  local words
  case "$COMP_CWORD:\${COMP_WORDS[1]}" in
    1:*) words="${names(words)}" ;;
${words.map(([name, options]) => `    *:${name}) words="${options.join(" ")}" ;;`).join("\n")}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _protected_sites protected-sites
`,
  zsh: (words: Words) => `_protected_sites() {
  case "$CURRENT:$words[2]" in
    2:*) compadd -- ${names(words)} ;;
${words.map(([name, options]) => `    *:${name}) compadd -- ${options.join(" ")}; _files ;;`).join("\n")}
  esac
}
compdef _protected_sites protected-sites
`,
  fish: (words: Words) =>
    [
      `complete -c protected-sites -n __fish_use_subcommand -f -a '${names(words)}'`,
      ...words.flatMap(([name, options]) =>
        options.map(
          (it) => `complete -c protected-sites -n '__fish_seen_subcommand_from ${name}' -l ${it.slice(2)}`,
        ),
      ),
      "",
    ].join("\n"),
};

function names(words: Words): string {
  return words.map(([name]) => name).join(" ");
}

export function command(): Command {
  return named("completion")
    .addArgument(new Argument("<shell>").choices(Object.keys(scripts)))
    .addHelpText("after", '\nIn ~/.bashrc or ~/.zshrc: eval "$(protected-sites completion bash)"')
    .action(action(print));
}

async function print(shell: keyof typeof scripts): Promise<void> {
  const words = commandNames.map(async (name) => {
    const { options } = await load(name);
    return [name, [...options.map(({ long }) => long ?? ""), "--help"]] as const;
  });
  process.stdout.write(scripts[shell](await Promise.all(words)));
}
