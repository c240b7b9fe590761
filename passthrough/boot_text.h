#pragma once

#include <string>
#include <string_view>
#include <vector>

// Edits of the texts that a machine boots by, from text to text: nothing here looks at the machine.
namespace lodge {

// The words of a kernel command line as they stand there, quotes kept: white space parts them, and
// none of it does inside of double quotes (lib/cmdline.c, next_arg()).
std::vector<std::string> kernel_words(std::string_view line);
// The name of a word, where '-' and '_' are the same (kernel/params.c, dash2underscore()).
std::string kernel_word_name(std::string_view word);
// Whether a word is one that a command line can carry as it is: no white space or line break
// outside of quotes, no unfinished quote, no control character.
bool is_kernel_word(std::string_view word);

// The line with the words at its end, where the kernel lets the later one count; those that stand
// there already are not doubled. All else stays as it is, character by character.
std::string with_kernel_words(std::string_view line, const std::vector<std::string>& words);
// Words of the line that say something else than the wanted ones of the same name.
std::vector<std::string> contradicting_words(std::string_view line,
                                             const std::vector<std::string>& words);

// A file of /etc/default/grub.d, or the end of /etc/default/grub: it adds words to
// GRUB_CMDLINE_LINUX_DEFAULT, which recovery entries do not have. Both are shell
// (grub-mkconfig(8)).
std::string grub_lines(const std::vector<std::string>& words);
// The text of /etc/default/grub with those lines at its end in place of those of an earlier time.
std::string with_grub_lines(std::string_view text, const std::vector<std::string>& words);
// The words that such lines add, "" when there are none of Lodge's.
std::vector<std::string> words_of_grub_lines(std::string_view text);

// A loader entry (uapi-group.org, Boot Loader Specification) with the words at the end of its
// "options"; the key may stand more than once, and the kernel gets all of them one after the other.
std::string with_entry_options(std::string_view text, const std::vector<std::string>& words);
// All options of an entry as one line.
std::string entry_options(std::string_view text);

// What changes from one text to the other, as diff -u tells it, in one piece.
std::string text_diff(std::string_view path, std::string_view before, std::string_view after);

}  // namespace lodge
