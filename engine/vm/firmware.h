#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lodge {

// OvmfVariables is the template of a guest's UEFI variables: what a new efidisk0 is a copy of.
struct OvmfVariables {
    std::string file;  // name in the folder of the ovmf package: "OVMF_VARS_4M.ms.fd"
    int64_t size = 0;  // bytes; a flash of another size does not fit the code
};

// `efitype` is "2m" or "4m"; `enrolled`: with Microsoft's Secure Boot keys.
OvmfVariables ovmf_variables(std::string_view efitype, bool enrolled);

}  // namespace lodge
