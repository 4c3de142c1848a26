# The commands of Zephyr's extensions.cmake that modules of this kind use, with their documented meaning.

function(zephyr_include_directories)
  foreach(folder ${ARGV})
    get_filename_component(path ${folder} ABSOLUTE)
    target_include_directories(zephyr_interface INTERFACE ${path})
  endforeach()
endfunction()

function(zephyr_compile_definitions)
  target_compile_definitions(zephyr_interface INTERFACE ${ARGV})
endfunction()

# Options of the library lie in a target of their own, which is linked last, so that they win over the program's.
macro(zephyr_library_named name)
  set(ZEPHYR_CURRENT_LIBRARY ${name})
  add_library(${name} STATIC)
  add_library(options_${name} INTERFACE)
  target_link_libraries(${name} PRIVATE zephyr_interface options_${name})
  set_property(GLOBAL APPEND PROPERTY STUB_LIBRARIES ${name})
endmacro()

function(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGV})
endfunction()

function(zephyr_library_sources_ifdef feature)
  if(${${feature}})
    zephyr_library_sources(${ARGN})
  endif()
endfunction()

function(zephyr_library_include_directories)
  target_include_directories(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGV})
endfunction()

function(zephyr_library_compile_definitions)
  target_compile_definitions(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGV})
endfunction()

function(zephyr_library_compile_options)
  target_compile_options(options_${ZEPHYR_CURRENT_LIBRARY} INTERFACE ${ARGV})
endfunction()
