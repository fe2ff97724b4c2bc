// dsn_parameters.cpp - DSN parameters as clients give them: what is taken is one word that can
// stand in an entry and on an SMTP line, and is taken again as it is.
#include <algorithm>
#include <string>

#include "lib/base/text.h"
#include "sendmail/parameters.h"
#include "tests/fuzz/require.h"

namespace {
void check(std::optional<std::string> (*read)(std::string_view), std::string_view text,
           std::size_t limit) {
  const auto taken = read(text);
  if (!taken) return;
  require(!taken->empty() && taken->size() <= limit, "it has a value within its limit");
  require(std::none_of(taken->begin(), taken->end(),
                       [](char c) { return c <= ' ' || c >= 0x7f || c == '<' || c == '>'; }),
          "it is one word of printable ASCII without brackets");
  require(read(*taken) == *taken, "it is taken again as it is");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  check(submit::notify_list, text, size);
  check(submit::ret_word, text, 4);
  check(submit::envelope_id, text, 100);
  check(submit::original_recipient, text, 500);
  store::Envelope envelope;
  envelope.senders.emplace_back();
  envelope.recipients.emplace_back();
  for (const auto word : base::split(text, ' ')) {
    const auto mail = submit::mail_parameter(word, envelope.senders[0], 100);
    const auto rcpt = submit::rcpt_parameter(word, envelope.recipients[0]);
    for (const auto* refusal : {&mail, &rcpt})
      require(refusal->empty() || (refusal->starts_with("5") &&
                                   std::none_of(refusal->begin(), refusal->end(), base::control)),
              "a refusal is one reply line");
  }
  require(static_cast<bool>(submit::check_parameters(envelope)), "what is taken is well-formed");
  return 0;
}
