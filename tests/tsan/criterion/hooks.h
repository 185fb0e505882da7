#pragma once
#include <criterion/criterion.h>
