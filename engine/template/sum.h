#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/fd.h"

struct evp_md_ctx_st;

namespace lodge {

// Sum is a SHA-256 reckoned over bytes as they come.
class Sum {
  public:
    Sum();
    ~Sum();
    Sum(const Sum&) = delete;
    Sum& operator=(const Sum&) = delete;

    void add(const void* bytes, size_t size);
    std::string hex();  // 64 digits; ends it

  private:
    evp_md_ctx_st* context_;
};

bool is_sha256(std::string_view text);  // 64 small hex digits

}  // namespace lodge
