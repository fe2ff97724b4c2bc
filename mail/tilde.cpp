#include "mail/tilde.h"

#include <string>

#include "lib/base/text.h"

namespace reader {

std::optional<Escape> parse_escape(std::string_view line, std::string_view escape) {
  if (escape.empty() || line.empty() || line[0] != escape[0]) return std::nullopt;
  if (line.size() == 1) return Escape{};
  if (line[1] == escape[0]) return Escape{'~', line.substr(2)};
  return Escape{line[1], base::trim(line.substr(2))};
}

std::string_view escape_help() {
  return "------------------------------------------------------------------------------\n"
         "The following ~ escapes are defined:\n"
         "~a | ~A\t\t\tInsert the variable sign or Sign.\n"
         "~b name ...\t\tAdd names to \"blind\" Cc: list.\n"
         "~c name ...\t\tAdd names to Cc: field.\n"
         "~d\t\t\tRead dead.letter into message.\n"
         "~e\t\t\tInvoke text editor on partial message.\n"
         "~F messages\t\tSame as ~f, but includes all headers.\n"
         "~f messages\t\tRead in messages.\n"
         "~h\t\t\tEdit the header fields.\n"
         "~i variable\t\tInsert the value of a variable.\n"
         "~M messages\t\tSame as ~m, but includes all headers.\n"
         "~m messages\t\tRead in messages, right shifted by a tab.\n"
         "~p\t\t\tPrint (show) the message buffer.\n"
         "~q\t\t\tAbort message; optionally save copy to ~/dead.letter.\n"
         "~r file | ~< file\tRead a file into the message buffer.\n"
         "~r !command\t\tRead what a command prints.\n"
         "~s string\t\tSet Subject: field to string.\n"
         "~t name ...\t\tAdd names to To: field.\n"
         "~v\t\t\tInvoke display editor on message.\n"
         "~w filename\t\tWrite message to file.\n"
         "~x\t\t\tAbort message; no copy is saved.\n"
         "~@ file\t\t\tAttach a file.\n"
         "~?\t\t\tPrint a brief summary of tilde escapes.\n"
         "~!command\t\tExecute shell command.\n"
         "~|command\t\tPipe message through command.\n"
         "~:command | ~_command\tExecute a Mail command.\n"
         "~~string\t\tQuote a single tilde.\n"
         "~.\t\t\tSimulate end of file on input.\n"
         "------------------------------------------------------------------------------\n";
}

std::string signature_text(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    const bool meant = text[i] == '\\' && (next == 't' || next == 'n' || next == '\\');
    if (!meant) {
      out.push_back(text[i]);
      continue;
    }
    out.push_back(next == 't' ? '\t' : next == 'n' ? '\n' : '\\');
    ++i;
  }
  return out;
}

std::string indented(std::string_view text, std::string_view prefix) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = base::take(text, '\n');
    if (!line.empty()) out.append(prefix);
    out.append(line);
    if (end != std::string_view::npos) out.push_back('\n');
  }
  return out;
}

}  // namespace reader
