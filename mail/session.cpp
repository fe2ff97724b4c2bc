#include "mail/session.h"

#include "lib/base/text.h"

namespace reader {

bool FieldList::shows(std::string_view name) const {
  const auto field = base::lowered(name);
  return retained.empty() ? ignored.count(field) == 0 : retained.count(field) != 0;
}

}  // namespace reader
