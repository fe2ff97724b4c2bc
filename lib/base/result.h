// result.h - what an operation of ours returns: a value, or the Error that travels to an exit
// status.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace base {

/// The classes of sysexits.h; the value is the exit status.
enum class Kind {
  usage = 64,
  data = 65,
  no_input = 66,
  no_user = 67,
  unavailable = 69,
  software = 70,
  os = 71,
  io = 74,
  retry = 75,
  no_permission = 77,
  config = 78,
};

/// Our own operation did not work. Never used for what happened to a recipient: that is
/// rfc::Outcome.
struct Error {
  Kind kind;
  std::string text;      ///< "object: problem", lower case, no full stop
  int system_error = 0;  ///< errno where the cause is a system call, else 0
};

/// A value or an Error. Result<> is for operations that return nothing.
template <typename T = std::monostate>
class [[nodiscard]] Result {
 public:
  Result() requires std::is_same_v<T, std::monostate> : content_(std::in_place_index<0>) {}
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return content_.index() == 0; }
  T& value() & { return std::get<0>(content_); }
  const T& value() const& { return std::get<0>(content_); }
  T&& value() && { return std::get<0>(std::move(content_)); }
  const Error& error() const& { return std::get<1>(content_); }
  Error&& error() && { return std::get<1>(std::move(content_)); }

 private:
  std::variant<T, Error> content_;
};

/// An Error that names the object, what was tried and errno's text: "OBJECT: TRIED: No space left
/// on device".
Error system_error(Kind kind, std::string_view object, std::string_view tried, int number);

/// The same with the kind that fits errno: retry for a full disk, exhausted tables and read-only
/// file systems, else io.
Error system_error(std::string_view object, std::string_view tried, int number);

}  // namespace base

// Statements, not expressions: in a braced initialiser GCC 12 and Clang 14 skip destructors on the
// early return of a statement expression, which leaks descriptors and locks.
#define TRY_NAME2(line) try_result_##line
#define TRY_NAME(line) TRY_NAME2(line)
/// Evaluate a Result and return its Error from this function if it has one.
#define TRY(expression)                                                                    \
  do {                                                                                     \
    if (auto try_result = (expression); !try_result) return std::move(try_result).error(); \
  } while (false)
/// Declare `name` with the value of a Result, or return its Error from this function.
#define TRY_LET(name, expression) TRY_LET2(name, expression, TRY_NAME(__LINE__))
#define TRY_LET2(name, expression, result)       \
  auto result = (expression);                    \
  if (!result) return std::move(result).error(); \
  auto name = std::move(result).value()
