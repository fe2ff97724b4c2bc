#include "spool/cause.h"

#include <utility>

namespace spool {

namespace {

// RFC 3463 sections 3.4 to 3.7, RFC 6531 section 3.4.
rfc::EnhancedStatus usual_status(Cause cause) {
  switch (cause) {
    case Cause::too_large: return {5, 3, 4};
    case Cause::needs_utf8: return {5, 6, 7};
    case Cause::cannot_convert: return {5, 6, 3};
    case Cause::loop:
    case Cause::too_deep: return {5, 4, 6};
    case Cause::unknown_user: return {5, 1, 1};
    case Cause::other_user: return {5, 2, 0};
    case Cause::expired: return {5, 4, 7};
    case Cause::refused:
    case Cause::error_route:
    case Cause::command:
    case Cause::error_address: break;
  }
  return {5, 0, 0};
}

}  // namespace

rfc::Outcome failed(Cause cause, std::string text, std::optional<rfc::EnhancedStatus> status) {
  return {rfc::Outcome::Kind::failed, status.value_or(usual_status(cause)), std::move(text)};
}

}  // namespace spool
