// Words in command lines that people are told to type.
#pragma once

#include <string>

namespace spendsync::restore {

/// Quoted where a shell would take it apart.
std::string shell_word(const std::string& text);

}  // namespace spendsync::restore
